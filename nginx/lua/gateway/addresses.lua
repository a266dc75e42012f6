-- Which addresses a route may lead to: those of the pool's host networks, and nothing else.

local ffi = require "ffi"
local bit = require "bit"

ffi.cdef [[ int inet_pton(int af, const char *src, void *dst); ]]
local AF_INET, AF_INET6 = 2, 10

local M = {}
local allowed, refused = {}, {}

-- Refused whatever the settings say: "this network", link-local (cloud metadata), multicast and above, and IPv4 in the
-- clothes of IPv6, which would slip past every rule for IPv4.
local NEVER = { "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128", "::ffff:0:0/96", "64:ff9b::/96",
                "fe80::/10", "ff00::/8", "fd00:ec2::/32" }

-- The address as a string of 4 or 16 bytes; nil when it is not a plain address.
local function bytes_of(text)
    local family = text:find(":", 1, true) and AF_INET6 or AF_INET
    local size = family == AF_INET6 and 16 or 4
    local buffer = ffi.new("uint8_t[?]", size)
    if ffi.C.inet_pton(family, text, buffer) ~= 1 then
        return nil
    end
    return ffi.string(buffer, size)
end

local function network_of(text)
    local address, bits = text:match("^([^/]+)/?(%d*)$")
    local bytes = address and bytes_of(address)
    if not bytes then
        error("the gateway's settings name " .. text .. ", which is not a network")
    end
    return { bytes = bytes, bits = tonumber(bits) or #bytes * 8 }
end

local function holds(network, bytes)
    if #bytes ~= #network.bytes then
        return false
    end
    local whole = math.floor(network.bits / 8)
    if bytes:sub(1, whole) ~= network.bytes:sub(1, whole) then
        return false
    end
    local rest = network.bits % 8
    return rest == 0
        or bit.rshift(bytes:byte(whole + 1), 8 - rest) == bit.rshift(network.bytes:byte(whole + 1), 8 - rest)
end

local function any_holds(networks, bytes)
    for _, network in ipairs(networks) do
        if holds(network, bytes) then
            return true
        end
    end
    return false
end

local function networks_of(texts)
    local networks = {}
    for i, text in ipairs(texts) do
        networks[i] = network_of(text)
    end
    return networks
end

function M.allow(networks, exceptions)
    allowed = networks_of(networks)
    refused = networks_of(exceptions)
    for _, text in ipairs(NEVER) do
        table.insert(refused, network_of(text))
    end
end

function M.permitted(text)
    local bytes = type(text) == "string" and not text:find("%z") and bytes_of(text)
    return bytes and any_holds(allowed, bytes) and not any_holds(refused, bytes)
end

return M
