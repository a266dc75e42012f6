-- What comes back from a session, before its first byte is sent: it speaks for itself alone, or not at all.

local activity = require "gateway.activity"
local origins = require "gateway.origins"
local rewriting = require "gateway.rewriting"
local signing = require "gateway.signing"

local M = {}
local cut_offs = ngx.shared.cut_off

-- Browsers keep some 180 cookies of a host name, of all sessions together, and drop the oldest ones.
local MOST_COOKIES = 20

-- What leads to the session under a name or a path of its own, for browsers. Most answers have none of these.
local function rewrite_reference(header, rewritten, asked)
    local value = ngx.header[header]
    if type(value) == "string" then
        local route = asked.route
        local own = { name = ngx.var.public_host:lower():gsub("%.?:%d+$", ""):gsub("%.$", ""), address = route.host:lower() }
        ngx.header[header] = rewritten(value, route.prefix, own, asked.target)
    end
end

local function rewrite_references(asked)
    rewrite_reference("Location", rewriting.location, asked)
    rewrite_reference("Content-Location", rewriting.location, asked)
    rewrite_reference("Refresh", rewriting.refresh, asked)
end

local function confine_cookies(prefix)
    local given, kept = ngx.header["Set-Cookie"], {}
    if not given then
        return
    end
    local default, alone = rewriting.default_path(ngx.var.request_uri, prefix), origins.each_its_own()
    for _, cookie in ipairs(type(given) == "table" and given or { given }) do
        if #kept < MOST_COOKIES and not signing.is_named_like_ours(cookie) then
            table.insert(kept, rewriting.cookie(cookie, prefix, default, alone))
        end
    end
    ngx.header["Set-Cookie"] = kept
end

-- The URL is a secret: it is not told to the sites that a notebook links to, unless the session says otherwise, once. nginx
-- adds the usual header, and here only what is not usual costs something.
local function confine_referrer()
    local given = ngx.header["Referrer-Policy"]
    if given then
        ngx.var.usual_referrer = ""
    end
    if type(given) == "table" then
        ngx.header["Referrer-Policy"] = table.concat(given, ", ")
    end
end

-- A worker in the browser may serve all of its session, wherever its script is, and nothing besides.
local function confine_workers(prefix)
    if ngx.header["Service-Worker-Allowed"] then
        ngx.header["Service-Worker-Allowed"] = prefix .. "/"
    end
end

local function is_websocket()
    return ngx.var.upgrade_to ~= "" and (ngx.var.upstream_http_upgrade or ""):lower() == "websocket"
end

-- Why a browser could take what the session says next for an answer of the gateway's, or nil. nginx 1.22 passes on raw
-- bytes after a head that is no HTTP (it then treats the request as HTTP/0.9, and the status is 9) and after every interim
-- one, and opens a tunnel after a 101 that nothing asked for. After a 205 browsers expect no body, while nginx passes one on.
-- A request of HTTP/0.9 has no headers, so no cookies.
local function speaks_past_us(asked)
    local status = ngx.status
    if (status < 200 or not asked.cookies) and ngx.req.http_version() < 1 then
        return "the answer is no HTTP"
    elseif status < 200 and not (status == 101 and is_websocket()) then
        return "the answer begins with an interim one"
    elseif status == 205 and tonumber(ngx.header["Content-Length"]) ~= 0 then
        return "an answer 205 with a body"
    end
end

-- The connection ends without a byte: in HTTP/0.9 nginx has no way to send a page, and what follows is not to be trusted.
local function cut_off(why, asked)
    if asked.route then
        cut_offs:incr(asked.route.id, 1, 0)
    end
    ngx.var.gateway_error = why
    ngx.status = 502 -- for the access log
    return ngx.exit(ngx.ERROR)
end

function M.filter_headers()
    local asked = ngx.ctx
    local why = speaks_past_us(asked)
    if why then
        return cut_off(why, asked)
    end
    confine_referrer()
    local route = asked.route
    if not route then
        return
    end
    confine_cookies(route.prefix)
    confine_workers(route.prefix)
    if route.rewrite_redirects then
        rewrite_references(asked)
    end
    if ngx.status == 101 then
        activity.opened(route.id)
    end
end

return M
