-- A request to a session: who may pass, what the session sees of it, and what comes back.

local balancer = require "ngx.balancer"
local activity = require "gateway.activity"
local notices = require "gateway.notices"
local origins = require "gateway.origins"
local rewriting = require "gateway.rewriting"
local pages = require "gateway.pages"
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

-- A page of another site must not drive a session through the visitor's browser.
local function foreign_websocket()
    local origin = ngx.var.http_origin
    return ngx.var.upgrade_to ~= "" and origin and origin:match("^https?://(.+)$") ~= ngx.var.public_host
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

local function address_of(route)
    return route.address:find(":", 1, true) and "[" .. route.address .. "]" or route.address
end

local function prepare(route, path, query)
    local prefix = "/notebooks/" .. route.id
    ngx.ctx.route = route
    ngx.ctx.prefix = prefix
    ngx.var.session_route = route.id
    ngx.var.session_authorization = route.token_header
    local cookies = ngx.var.http_cookie
    ngx.var.session_cookie = cookies and signing.without_ours(cookies) or ""
    if route.strip_prefix then
        ngx.var.session_prefix = prefix
        ngx.var.target = path .. query
    else
        ngx.var.target = ngx.var.request_uri
    end
end

-- The link's ticket is exchanged for a cookie, and the address bar is left with the plain address. The link is below the
-- route so that the cookie comes along: who is signed in may follow it again.
local function launch(id)
    local signed_in = signing.cookie_opens(ngx.var.http_cookie, id)
    if not signed_in and not signing.ticket_opens(ngx.var.arg_ticket, id) then
        return ngx.exec("@bad_link")
    end
    if not signed_in then
        ngx.header["Set-Cookie"] = signing.cookie_for(id, ngx.var.public_scheme == "https")
    end
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Referrer-Policy"] = "no-referrer"
    return ngx.redirect("/notebooks/" .. id .. "/", 303)
end

-- A session with a host name of its own is shown under no other: pages that share an origin could read each other.
local function elsewhere(id)
    if ngx.var.upgrade_to ~= "" or not ({ GET = true, HEAD = true })[ngx.req.get_method()] then
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
    if path == "/dd-launch" and notice.page ~= "ended" and origins.is_of(id) then
        return launch(id)
    end
    return ngx.exec("@notice")
end

local function admit()
    local id, path, query = split(ngx.var.request_uri)
    local route = id and routes.get(id)
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
    if path:sub(1, 1) ~= "/" or climbs(path) or foreign_websocket() then
        return ngx.exit(403)
    end
    if path == "/dd-launch" then
        return launch(id)
    end
    if route.sign_in == "link" and not signing.cookie_opens(ngx.var.http_cookie, id) then
        return ngx.exit(401)
    end
    if too_large(route) then
        return ngx.exit(413)
    end
    prepare(route, path, query)
    activity.began(id)
end

-- A fault of ours goes into the access log: nginx's own words for it would quote the secret route.
function M.admit()
    local done, why = pcall(admit)
    if not done then
        ngx.var.gateway_error = tostring(why)
        return ngx.exit(500)
    end
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
    assert(balancer.set_current_peer(address_of(route), route.port))
end

local function own_authorities(route)
    local address = address_of(route)
    local public = ngx.var.public_host
    return { [public] = true, [address] = true, [address .. ":" .. route.port] = true,
             ["localhost"] = true, ["localhost:" .. route.port] = true, ["127.0.0.1:" .. route.port] = true }
end

local function rewrite_cookies(prefix)
    local cookies = ngx.header["Set-Cookie"]
    if type(cookies) == "string" then
        ngx.header["Set-Cookie"] = rewriting.cookie(cookies, prefix)
    elseif cookies then
        local rewritten = {}
        for i, cookie in ipairs(cookies) do
            rewritten[i] = rewriting.cookie(cookie, prefix)
        end
        ngx.header["Set-Cookie"] = rewritten
    end
end

local function is_websocket()
    return ngx.status == 101 and ngx.var.upgrade_to ~= "" and (ngx.var.upstream_http_upgrade or ""):lower() == "websocket"
end

-- Why a browser could take what the session says next for an answer of the gateway's, or nil. nginx 1.22 passes on raw
-- bytes after a head that is no HTTP (it then treats the request as HTTP/0.9) and after every interim one, and opens a
-- tunnel after a 101 that nothing asked for. After a 205 browsers expect no body, while nginx passes one on.
local function speaks_past_us()
    if ngx.req.http_version() < 1 then
        return "the answer is no HTTP"
    elseif ngx.status < 200 and not is_websocket() then
        return "the answer begins with an interim one"
    elseif ngx.status == 205 and tonumber(ngx.header["Content-Length"]) ~= 0 then
        return "an answer 205 with a body"
    end
end

-- The connection ends without a byte: in HTTP/0.9 nginx has no way to send a page, and what follows is not to be trusted.
local function cut_off(why)
    ngx.var.gateway_error = why
    ngx.status = 502 -- for the access log
    return ngx.exit(ngx.ERROR)
end

function M.filter_headers()
    local why = speaks_past_us()
    if why then
        return cut_off(why)
    end
    local route, prefix = ngx.ctx.route, ngx.ctx.prefix
    if not route then
        return
    end
    rewrite_cookies(prefix)
    local location = route.rewrite_redirects and ngx.header["Location"]
    if location then
        ngx.header["Location"] = rewriting.location(location, prefix, own_authorities(route))
    end
end

return M
