// JupyterLab loads this with its page: it brings the gateway's banner in, which says when the session ends and what the
// operator has to say. The banner itself is the gateway's, so that an older image shows the newest one; elsewhere than
// behind the gateway there is none, and nothing is shown.
//
// It is what a bundler would make of a plugin without requirements, written by hand: no Node is needed to build the image.
(() => {
  "use strict";
  const plugin = {
    id: "dockerdriver:banner",
    description: "Shows when the session ends.",
    autoStart: true,
    activate: () => {
      const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
      const script = document.createElement("script");
      script.src = (config.baseUrl || "/").replace(/\/*$/, "/") + "dd-notice/banner.js";
      script.onerror = () => script.remove();
      document.head.append(script);
    },
  };
  const all = (window._JUPYTERLAB = window._JUPYTERLAB || {});
  all.dockerdriver = {
    init: () => {},
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();
