-- What proxies say of a client, and applications believe. Only the gateway says such things to a session, and a request
-- that comes with one of them to the gateway was passed on.

local M = {}

local NAMES = { "forwarded", "via", "x-real-ip", "x-scheme", "x-url-scheme", "x-script-name", "front-end-https", "x-host",
                "x-http-host-override", "x-original-host", "x-original-url", "x-original-uri", "x-original-method",
                "x-original-for", "x-original-proto", "x-rewrite-url", "x-client-ip", "x-cluster-client-ip",
                "x-proxyuser-ip", "x-remote-ip", "x-remote-addr", "client-ip", "true-client-ip", "cf-connecting-ip",
                "cf-connecting-ipv6", "cf-visitor", "fastly-client-ip", "fastly-ssl", "wl-proxy-client-ip",
                "proxy-client-ip", "x-arr-ssl", "x-arr-log-id", "x-proxycontextpath", "x-traversal-path", "remote-user",
                "x-remote-user", "x-remote-group", "x-authenticated-user", "x-rstudio-request", "x-rstudio-root-path",
                "x-rstudio-username", "x-rsc-request" }
local BEGINNINGS = { "x-forwarded", "x-auth-request-", "x-ssl-", "ssl-client-", "x-envoy-", "x-amzn-", "x-appengine-" }

local known, beginnings = {}, {}
for _, name in ipairs(NAMES) do
    known[name] = true
end
-- By their first letter: most headers of a browser begin with another one.
for _, beginning in ipairs(BEGINNINGS) do
    local letter = beginning:byte()
    beginnings[letter] = beginnings[letter] or {}
    table.insert(beginnings[letter], beginning)
end

local function is_one(name)
    if known[name] then
        return true
    end
    for _, beginning in ipairs(beginnings[name:byte()] or {}) do
        if name:sub(1, #beginning) == beginning then
            return true
        end
    end
    return false
end

-- The names of those that came with this request.
local function present()
    local found = {}
    for name in pairs(ngx.req.get_headers(0)) do
        if is_one(name) then
            table.insert(found, name)
        end
    end
    return found
end

function M.remove()
    for _, name in ipairs(present()) do
        ngx.req.clear_header(name)
    end
end

-- Whether a proxy says that it passed this request on.
function M.passed_on()
    return #present() > 0
end

return M
