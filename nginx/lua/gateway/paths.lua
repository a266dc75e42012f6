-- What a request asks for, from the request line as it was sent: nginx matches its own decoded form, and a path that means
-- one session to nginx and another to the container must not pass.
--
-- LuaJIT compiles no patterns. Most requests are to a session that is there and have a plain path: those are read without.

local routes = require "gateway.routes"

local M = {}
local ROOT = "/notebooks/"

-- Where the path ends, which begins at *first*: before the "?" or "#" that comes first.
local function end_of_path(uri, first)
    local query = uri:find("?", first, true) or #uri + 1
    local fragment = uri:find("#", first, true) or query
    return (fragment < query and fragment or query) - 1
end

-- The table of routes has nothing but ids in it, so what is found there and followed by "/" is what the pattern below finds.
local function split_known(uri)
    local slash = uri:sub(1, #ROOT) == ROOT and uri:find("/", #ROOT + 1, true)
    local id = slash and uri:sub(#ROOT + 1, slash - 1)
    local route = id and routes.get(id)
    if route then
        local last = end_of_path(uri, slash)
        return id, uri:sub(slash, last), uri:sub(last + 1), route
    end
end

-- The route's id, the path below it and what follows that; and the route, where there is one.
function M.split(uri)
    local id, path, query, route = split_known(uri)
    if not route then
        id, path, query = uri:match("^/notebooks/([A-Za-z0-9_-]+)(/?[^?#]*)(.*)$")
        route = id and routes.get(id)
    end
    return id, path, query, route
end

-- Whether the path, decoded once or twice, climbs with "." or ".." between slashes of either kind.
function M.climbs(path)
    if not path:find("%", 1, true) and not path:find("\\", 1, true) and not path:find("/.", 1, true) then
        return false -- most paths, without the price of decoding
    end
    for _ = 1, 2 do
        path = ngx.unescape_uri(path)
        if ("/" .. path:gsub("\\", "/") .. "/"):find("/%.%.?/") then
            return true
        end
    end
    return false
end

return M
