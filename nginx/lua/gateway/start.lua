-- Runs once in the master process, at start and at every reload.

local json = require "cjson.safe"

-- Loaded here so that workers, which may be unable to read these files, inherit them.
require "resty.core"
require "gateway.session"
require "gateway.answers"
require "gateway.downloading"
require "gateway.admin"
require "gateway.pool_page"

-- A request is judged by one long function, which LuaJIT compiles as a whole if it may have more constants than 500.
jit.opt.start("maxirconst=4000", "maxsnap=2000")

-- What nginx.conf calls for each request.
gateway = {
    forwarded = require "gateway.forwarded", session = require "gateway.session", answers = require "gateway.answers",
}

return function(text)
    local settings = assert(json.decode(text))
    require("gateway.addresses").allow(settings.networks, settings.refused)
    require("gateway.activity").start()
    require("gateway.pages").load(settings.pages, settings.platform_url)
    require("gateway.tab").load(settings.pages .. "/banner.js", settings.platform_url)
    require("gateway.origins").start(settings)
    require("gateway.refusals").start(settings)
    require("gateway.pool_page").start(settings.pool_passwords)
    require("gateway.routes").start(settings)
end
