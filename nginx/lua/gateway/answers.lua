-- What comes back from a session, before its first byte is sent: it speaks for itself alone, or not at all.

local origins = require "gateway.origins"
local rewriting = require "gateway.rewriting"
local routes = require "gateway.routes"
local signing = require "gateway.signing"

local M = {}
local cut_offs = ngx.shared.cut_off

-- Browsers keep some 180 cookies of a host name, of all sessions together, and drop the oldest ones.
local MOST_COOKIES = 20

local REFERENCES = {
    ["Location"] = rewriting.location,
    ["Content-Location"] = rewriting.location,
    ["Refresh"] = rewriting.refresh,
}

-- What leads to the session under a name or a path of its own, for browsers. Most answers have none of these.
local function rewrite_references(route, prefix)
    local own
    for header, rewritten in pairs(REFERENCES) do
        local value = ngx.header[header]
        if type(value) == "string" then
            own = own or {
                name = ngx.var.public_host:lower():gsub(":%d+$", ""),
                address = routes.address_of(route):lower(),
            }
            ngx.header[header] = rewritten(value, prefix, own, ngx.var.target)
        end
    end
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

-- The URL is a secret: it is not told to the sites that a notebook links to, unless the session says otherwise, once.
local function confine_referrer()
    local given = ngx.header["Referrer-Policy"]
    if type(given) == "table" then
        ngx.header["Referrer-Policy"] = table.concat(given, ", ")
    elseif not given then
        ngx.header["Referrer-Policy"] = "same-origin"
    end
end

-- A worker in the browser may serve all of its session, wherever its script is, and nothing besides.
local function confine_workers(prefix)
    if ngx.header["Service-Worker-Allowed"] then
        ngx.header["Service-Worker-Allowed"] = prefix .. "/"
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
    if ngx.ctx.route then
        cut_offs:incr(ngx.ctx.route.id, 1, 0)
    end
    ngx.var.gateway_error = why
    ngx.status = 502 -- for the access log
    return ngx.exit(ngx.ERROR)
end

function M.filter_headers()
    local why = speaks_past_us()
    if why then
        return cut_off(why)
    end
    confine_referrer()
    local route = ngx.ctx.route
    if not route then
        return
    end
    local prefix = route.prefix
    confine_cookies(prefix)
    confine_workers(prefix)
    if route.rewrite_redirects then
        rewrite_references(route, prefix)
    end
end

return M
