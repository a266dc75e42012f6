-- What proxies say of a client, and applications believe. Only the gateway says such things to a session, and a request
-- that comes with one of them to the gateway was passed on.

local ffi = require "ffi"
local base = require "resty.core.base"
require "resty.core.request" -- declares what is called here

local M = {}
local C = ffi.C
local ALL, truncated = 0, ffi.new("int[1]")

local NAMES = { "forwarded", "via", "x-real-ip", "x-scheme", "x-url-scheme", "x-script-name", "front-end-https", "x-host",
                "x-http-host-override", "x-original-host", "x-original-url", "x-original-uri", "x-original-method",
                "x-original-for", "x-original-proto", "x-rewrite-url", "x-client-ip", "x-cluster-client-ip",
                "x-proxyuser-ip", "x-remote-ip", "x-remote-addr", "client-ip", "true-client-ip", "cf-connecting-ip",
                "cf-connecting-ipv6", "cf-visitor", "fastly-client-ip", "fastly-ssl", "wl-proxy-client-ip",
                "proxy-client-ip", "x-arr-ssl", "x-arr-log-id", "x-proxycontextpath", "x-traversal-path", "remote-user",
                "x-remote-user", "x-remote-group", "x-authenticated-user", "x-rstudio-request", "x-rstudio-root-path",
                "x-rstudio-username", "x-rsc-request" }
local BEGINNINGS = { "x-forwarded", "x-auth-request-", "x-ssl-", "ssl-client-", "x-envoy-", "x-amzn-", "x-appengine-" }

-- By their first two letters, as one number: most headers of a browser begin with others.
local function start_of(name)
    local first, second = name:byte(1, 2)
    return first * 256 + second
end

local known, beginnings, starts = {}, {}, {}
for _, name in ipairs(NAMES) do
    known[name], starts[start_of(name)] = true, true
end
for _, beginning in ipairs(BEGINNINGS) do
    local start = start_of(beginning)
    beginnings[start], starts[start] = beginnings[start] or {}, true
    table.insert(beginnings[start], beginning)
end

local function is_one(name)
    if known[name] then
        return true
    end
    for _, beginning in ipairs(beginnings[start_of(name)] or {}) do
        if name:sub(1, #beginning) == beginning then
            return true
        end
    end
    return false
end

-- Room for the headers of a request, which grows and is used again.
local room, headers = 0, nil

-- How many headers the request has; *headers* says where nginx has them, with their names in lower case.
-- ngx.req.get_headers() would make a table and two strings of each, for every request.
local function look_at_headers()
    local request = base.get_request()
    local count = C.ngx_http_lua_ffi_req_get_headers_count(request, ALL, truncated)
    if count > room then
        room, headers = count + 32, ffi.new("ngx_http_lua_ffi_table_elt_t[?]", count + 32)
    end
    C.ngx_http_lua_ffi_req_get_headers(request, headers, count, 0)
    return count
end

-- The names of those that came with this request; nil: none, as with most.
local function present()
    local count = look_at_headers()
    local found
    for i = 0, count - 1 do
        local name = headers[i].key
        if name.len > 1 and starts[name.data[0] * 256 + name.data[1]] then
            name = ffi.string(name.data, name.len)
            if is_one(name) then
                found = found or {}
                table.insert(found, name)
            end
        end
    end
    return found
end

function M.remove()
    local found = present()
    if found then
        for _, name in ipairs(found) do
            ngx.req.clear_header(name)
        end
    end
end

-- Whether a proxy says that it passed this request on.
function M.passed_on()
    return present() ~= nil
end

return M
