-- A request to a session: who may pass, and what the session sees of it. answers.lua: what comes back.

local balancer = require "ngx.balancer"
local activity = require "gateway.activity"
local forwarded = require "gateway.forwarded"
local launching = require "gateway.launching"
local notices = require "gateway.notices"
local origins = require "gateway.origins"
local pages = require "gateway.pages"
local refusals = require "gateway.refusals"
local routes = require "gateway.routes"
local signing = require "gateway.signing"

local M = {}

-- The route and the rest of the path, from the request line as it was sent: nginx matches its own decoded form, and a
-- path that means one session to nginx and another to the container must not pass.
local function split(request_uri)
    return request_uri:match("^/notebooks/([A-Za-z0-9_-]+)(/?[^?#]*)(.*)$")
end

-- Whether the path, decoded once or twice, climbs with "." or ".." between slashes of either kind.
local function climbs(path)
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

-- HTTP/1.1 says that a body comes; HTTP/2 may leave it open, and then the method must do.
local function has_body()
    if ngx.var.server_protocol == "HTTP/2.0" then
        return not ({ GET = true, HEAD = true, OPTIONS = true })[ngx.req.get_method()]
    end
    return ngx.var.http_transfer_encoding ~= nil
end

-- nginx's own limit takes no variable. A body of unknown length cannot be held to one, so it must name its length.
local function too_large(route)
    if route.max_upload_mb == 0 then
        return false
    end
    local length = tonumber(ngx.var.http_content_length) or (has_body() and math.huge or 0)
    return length > route.max_upload_mb * 1024 * 1024
end

local function prepare(route, path, query)
    local prefix = "/notebooks/" .. route.id
    ngx.ctx.route = route
    ngx.ctx.prefix = prefix
    ngx.var.session_route = route.id
    ngx.var.session_authorization = route.token_header
    local cookies = ngx.var.http_cookie
    ngx.var.session_cookie = cookies and signing.without_ours(cookies) or ""
    forwarded.remove()
    if route.strip_prefix then
        ngx.var.session_prefix = prefix
        ngx.var.target = path .. query
    else
        ngx.var.target = ngx.var.request_uri
    end
end

-- A session with a host name of its own is shown under no other: pages that share an origin could read each other.
local function elsewhere(id)
    if ngx.var.upgrade_to ~= "" or not ({ GET = true, HEAD = true })[ngx.req.get_method()] then
        refusals.say("asked for under another name than the session's own: DD_SESSION_DOMAIN, DD_GATEWAY_NAMES")
        return ngx.exit(403)
    end
    return ngx.redirect(origins.of(id) .. ngx.var.request_uri, 302)
end

-- Not up yet, or no more. Who comes by a link is signed in at once: a session may wait for longer than a link is good.
local function without_route(id, path)
    local notice = id and notices.get(id)
    if not notice then
        return ngx.exit(404)
    end
    if launching.is_for(path) and notice.page ~= "ended" and origins.is_of(id) then
        return launching.answer(id, path)
    end
    return ngx.exec("@notice")
end

local function admit()
    local id, path, query = unpack(ngx.ctx.asked, 1, 3)
    local route = ngx.ctx.found
    if not route then
        return without_route(id, path)
    end
    ngx.var.route_hash = route.hash
    if path == "" then
        return ngx.redirect("/notebooks/" .. id .. "/" .. query, 302)
    end
    if not origins.is_of(id) then
        return elsewhere(id)
    end
    if path:sub(1, 1) ~= "/" or climbs(path) then
        refusals.say("a path that leads out of its session")
        return ngx.exit(403)
    end
    if origins.foreign() then
        return ngx.exec("@foreign")
    end
    if launching.is_for(path) then
        return launching.answer(id, path)
    end
    if route.sign_in == "link" and not ngx.ctx.signed_in then
        refusals.say("no cookie of this session: it opens by a launch link, as its blueprint says (sign_in)")
        return ngx.exit(401)
    end
    if too_large(route) then
        refusals.too_large(route)
        return ngx.exit(413)
    end
    prepare(route, path, query)
    activity.began(id)
end

-- A fault of ours goes into the access log: nginx's own words for it would quote the secret route.
local function guarded(act)
    local done, why = pcall(act)
    if not done then
        ngx.var.gateway_error = tostring(why)
        return ngx.exit(500)
    end
end

function M.admit()
    return guarded(admit)
end

-- Before nginx looks at the rates: who is signed in is the session's to limit, and so is who knows the address of an
-- open one. All others are counted by address, so that strangers use up nothing of a session.
local function count_apart()
    local id, path, query = split(ngx.var.request_uri)
    local route = id and routes.get(id)
    ngx.ctx.asked, ngx.ctx.found = { id, path, query }, route
    ngx.ctx.signed_in = id and signing.cookie_opens(ngx.var.http_cookie, id)
    if ngx.ctx.signed_in or route and route.sign_in == "open" then
        ngx.var.limited_route = id
    end
end

function M.count_apart()
    return guarded(count_apart)
end

-- What is at "/": under a session's own host name that session, else words for who got lost.
function M.front()
    local id = origins.session_of_host()
    if id then
        return ngx.redirect("/notebooks/" .. id .. "/", 302)
    end
    return pages.show("welcome", 200)
end

-- No second try: a request that may have reached the session is not sent twice.
function M.balance()
    local route = ngx.ctx.route
    assert(balancer.set_current_peer(routes.address_of(route), route.port))
end

return M
