-- What a secret is called where it may be seen: the beginning of its SHA-256, in hexadecimal digits.

local digest = require "openssl.digest"

local M = {}

function M.hex(secret, bytes)
    local beginning = digest.new("sha256"):final(secret):sub(1, bytes)
    return (beginning:gsub(".", function(c) return string.format("%02x", c:byte()) end))
end

return M
