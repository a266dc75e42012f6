-- Who used which session when. No Lua runs per websocket frame, so a websocket is only noted here by its connection;
-- the manager asks the kernel (ss) when that connection last carried something.

local M = {}
local last_request = ngx.shared.activity
local websockets = ngx.shared.websockets

-- The browser's end of this connection, as ss writes it.
local function peer()
    local address = ngx.var.realip_remote_addr
    if address:find(":", 1, true) then
        address = "[" .. address .. "]"
    end
    return address .. ":" .. ngx.var.realip_remote_port
end

function M.started(route_id)
    last_request:set(route_id, ngx.now())
    if ngx.var.upgrade_to ~= "" then
        websockets:set(peer(), route_id)
    end
end

-- The end of a long request is activity too; a route that was removed meanwhile is not brought back.
function M.finished()
    local route_id = ngx.var.session_route
    if route_id == "" then
        return
    end
    if last_request:get(route_id) then
        last_request:set(route_id, ngx.now())
    end
    if ngx.var.upgrade_to ~= "" then
        websockets:delete(peer())
    end
end

function M.forget(route_id)
    last_request:delete(route_id)
end

local function copy(dictionary)
    local found = {}
    for _, key in ipairs(dictionary:get_keys(0)) do
        found[key] = dictionary:get(key)
    end
    return found
end

function M.all()
    return { now = ngx.now(), last_request = copy(last_request), websockets = copy(websockets) }
end

return M
