-- Who used which session when. No Lua runs per websocket frame, so a websocket is only noted here by its connection;
-- the manager asks the kernel (ss) when that connection last carried something.

local M = {}
local last_request = ngx.shared.activity
local websockets = ngx.shared.websockets
local cut_off = ngx.shared.cut_off -- how many of a session's answers answers.lua did not let through

-- No route has this id. The time stays through a reload, as the dictionary does.
local SINCE = ":since"

local function endpoint(address, port)
    return (address:find(":", 1, true) and "[" .. address .. "]" or address) .. ":" .. port
end

-- Both ends of the connection, as ss writes them: a port of the browser's alone may be in use to another address too.
local function connection()
    return endpoint(ngx.var.server_addr, ngx.var.server_port) .. " "
        .. endpoint(ngx.var.realip_remote_addr, ngx.var.realip_remote_port)
end

function M.start()
    last_request:add(SINCE, ngx.time())
end

-- What this worker noted in this second: a page's hundred requests take the dictionary's lock once.
local noted, second = {}, 0

function M.began(route_id)
    if second ~= ngx.time() then
        noted, second = {}, ngx.time()
    end
    if not noted[route_id] then
        noted[route_id] = true
        last_request:set(route_id, ngx.now())
    end
end

-- A route that was removed meanwhile is not brought back.
function M.went_on(route_id)
    if route_id then
        last_request:replace(route_id, ngx.now())
    end
end

-- When the session was asked for something last; as far as is known, when the gateway began to look.
function M.last_request(route_id)
    return last_request:get(route_id) or last_request:get(SINCE)
end

-- Whether a browser holds one open to the session. Looks at all that there are: for few sessions, and seldom.
function M.has_websocket(route_id)
    for _, key in ipairs(websockets:get_keys(0)) do
        if websockets:get(key) == route_id then
            return true
        end
    end
    return false
end

-- A websocket is open once its session has said so.
function M.opened(route_id)
    websockets:set(connection(), route_id)
end

function M.closed()
    websockets:delete(connection())
end

function M.forget(route_id)
    last_request:delete(route_id)
    cut_off:delete(route_id)
end

local function copy(dictionary)
    local found = {}
    for _, key in ipairs(dictionary:get_keys(0)) do
        found[key] = dictionary:get(key)
    end
    return found
end

function M.all()
    local requests = copy(last_request)
    local since = requests[SINCE]
    requests[SINCE] = nil
    return { since = since, last_request = requests, websockets = copy(websockets),
             cut_off = copy(cut_off) }
end

return M
