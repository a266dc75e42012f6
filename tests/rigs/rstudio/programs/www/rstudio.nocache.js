const token = document.querySelector('meta').content;

async function ask(path, method, params) {
  const headers = {'Content-Type': 'application/json', 'X-RS-CSRF-Token': token};
  const answer = await fetch(path, {method: 'POST', headers, body: JSON.stringify({method, params})});
  return (await answer.json()).result;
}

async function listen(last) {
  const events = await ask('events/get_events', 'get_events', [last]);
  for (const event of events) document.querySelector('#console').textContent += event.data.text;
  listen(events.length ? events.at(-1).id : last);
}

ask('rpc/client_init', 'client_init', []).then(() => {
  listen(-1);
  ask('rpc/console_input', 'console_input', ['typed in a browser']);
});
