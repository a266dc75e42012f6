-- A request to a session: who may pass, and what the session sees of it. answers.lua: what comes back.

local balancer = require "ngx.balancer"
local activity = require "gateway.activity"
local launching = require "gateway.launching"
local notices = require "gateway.notices"
local origins = require "gateway.origins"
local pages = require "gateway.pages"
local paths = require "gateway.paths"
local refusals = require "gateway.refusals"
local routes = require "gateway.routes"
local signing = require "gateway.signing"
local tab = require "gateway.tab"

local M = {}

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

local function prepare(asked)
    local route = asked.found
    asked.route = route
    ngx.var.session_authorization = route.token_header
    local cookies = asked.cookies and (asked.other_cookies or signing.without_ours(asked.cookies)) or ""
    if cookies ~= "" then
        ngx.var.session_cookie = cookies
    end
    if asked.is_websocket then
        ngx.var.connection_to = "upgrade"
    end
    if route.strip_prefix then
        asked.target = asked.path .. asked.query
        ngx.var.session_prefix, ngx.var.stripped = route.prefix, asked.target
    end
end

-- A session with a host name of its own is shown under no other: pages that share an origin could read each other.
local function lead_to_its_name(asked)
    if asked.is_websocket or not ({ GET = true, HEAD = true })[ngx.req.get_method()] then
        refusals.say("asked for under another name than the session's own: DD_SESSION_DOMAIN, DD_GATEWAY_NAMES")
        return ngx.exit(403)
    end
    return ngx.redirect(origins.of(asked.id) .. asked.uri, 302)
end

-- Not up yet, or no more. Who comes by a link is signed in at once: a session may wait for longer than a link is good.
local function without_route(asked)
    local id, path = asked.id, asked.path
    local notice = id and notices.get(id)
    if not notice then
        return ngx.exit(404)
    end
    if launching.is_for(path) and notice.page ~= "ended" and origins.is_of(id) then
        return launching.answer(id, path)
    elseif tab.is_for(path) then
        return tab.answer_absent(path, notice)
    end
    return ngx.exec("@notice")
end

local function add_slash(asked)
    return ngx.redirect(asked.found.prefix .. "/" .. asked.query, 302)
end

local function refuse_path()
    refusals.say("a path that leads out of its session")
    return ngx.exit(403)
end

local function refuse_page()
    return ngx.exec("@foreign")
end

local function launch(asked)
    return launching.answer(asked.id, asked.path)
end

local function want_sign_in()
    refusals.say("no cookie of this session: it opens by a launch link, as its blueprint says (sign_in)")
    return ngx.exit(401)
end

local function refuse_upload(asked)
    refusals.too_large(asked.found)
    return ngx.exit(413)
end

-- What the gateway does with a request itself; false: it is the session's.
local function own_answer(asked)
    local path, route = asked.path, asked.found
    if not route then
        return without_route
    end
    if path == "" then
        return add_slash
    elseif not origins.is_of(route.id) then
        return lead_to_its_name
    elseif path:sub(1, 1) ~= "/" or paths.climbs(path) then
        return refuse_path
    elseif origins.foreign(asked.is_websocket) then
        return refuse_page
    elseif launching.is_for(path) then
        return launch
    elseif route.sign_in == "link" and not asked.signed_in then
        return want_sign_in
    elseif tab.is_for(path) then
        return tab.answer
    elseif too_large(route) then
        return refuse_upload
    end
    return false
end

-- All that is known of the request until it is answered: the table ngx.ctx, which has all its fields from the beginning.
local function read_request()
    local uri, cookies = ngx.var.request_uri, ngx.var.http_cookie
    local id, path, query, found = paths.split(uri)
    local signed_in, other_cookies = false, nil
    if id then
        signed_in, other_cookies = signing.cookie_opens(cookies, id)
    end
    local asked = {
        uri = uri, cookies = cookies, id = id, path = path, query = query, found = found,
        signed_in = signed_in, other_cookies = other_cookies, is_websocket = ngx.var.upgrade_to ~= "",
        answer = false, -- what the gateway does with it
        route = false, target = uri, -- of those that are passed on
    }
    ngx.ctx = asked
    return asked
end

-- Who is signed in is the session's to limit, and so is who knows the address of an open one. All others are counted by
-- address, so that strangers use up nothing of a session. Either way the log names the route.
local function count_apart(asked)
    local route = asked.found
    if asked.signed_in or route and route.sign_in == "open" then
        ngx.var.limited_route = route and route.hash or routes.hash_of(asked.id)
    elseif route then
        ngx.var.strangers_route = route.hash
    end
end

local function judge()
    local asked = read_request()
    count_apart(asked)
    asked.answer = own_answer(asked)
    if asked.answer then
        return false
    end
    prepare(asked)
    activity.began(asked.id)
    return true
end

local function fail_with(why)
    ngx.ctx.answer = function()
        error(why, 0)
    end
    return "yes"
end

-- Whether the request ends here: "yes", or "" where the session answers. nginx lets nothing end it yet; answer() does.
-- cleaned, why: what forwarded.remove() came to. It is not called in here, for LuaJIT compiles no function as a whole that
-- comes to a loop.
function M.judge(cleaned, why)
    if not cleaned then
        return fail_with(why)
    end
    local done, passed = pcall(judge)
    if not done then
        return fail_with(passed)
    end
    return passed and "" or "yes"
end

-- A fault of ours goes into the access log: nginx's own words for it would quote the secret route.
function M.answer()
    local done, why = pcall(ngx.ctx.answer, ngx.ctx)
    if not done then
        ngx.var.gateway_error = tostring(why)
        return ngx.exit(500)
    end
end

-- At the end of every request, when it is logged. The end of a long one is activity too. After an error page ngx.ctx is empty,
-- so the route is read again from the request line.
function M.ended()
    local status = ngx.status
    if status == 101 then
        activity.closed()
    elseif status < 100 then
        ngx.status = 500 -- where there is none nginx logs "000", and "009" for HTTP/0.9: no numbers in JSON
    end
    if ngx.now() - ngx.req.start_time() > 1 and ngx.var.ends_here == "" then
        activity.went_on(paths.split(ngx.var.request_uri or ""))
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
    assert(balancer.set_current_peer(route.host, route.port))
end

return M
