-- Redirects and cookies of a session, moved below its prefix.

local M = {}

-- What these name, to a program in a container, is itself, on whatever port it listens there. Java writes out all of an
-- address, and programs that listen to both kinds name those of IPv4 in the clothes of IPv6.
local ITSELF = { localhost = true, ["localhost.localdomain"] = true, ["ip6-localhost"] = true, ["0.0.0.0"] = true,
                 ["[::]"] = true, ["[::1]"] = true, ["[0:0:0:0:0:0:0:0]"] = true, ["[0:0:0:0:0:0:0:1]"] = true }
local CONTAINER_ID = "^" .. ("%x"):rep(12) .. "$" -- a container's host name, unless it was given another one

-- Without spaces at both ends. In one pass: "^%s*(.-)%s*$" looks at a run of spaces once more for each of its spaces, and a
-- session that answers with 70,000 of them would keep a worker busy for seconds.
local function trimmed(text)
    local first = text:find("%S")
    return first and text:match("^.*%S", first) or ""
end

local function below(path, prefix)
    return path == prefix or path:sub(1, #prefix + 1) == prefix .. "/"
end

local function prefixed(path, prefix)
    return below(path, prefix) and path or prefix .. path
end

-- As browsers do before they ask (RFC 3986, 5.2.4; "\" is "/", and "%2e" is "."): what climbs ends at the root.
local function without_dots(path)
    local kept, dots = {}, false
    for segment in path:gsub("\\", "/"):gmatch("/([^/]*)") do
        local plain = segment:lower():gsub("%%2e", ".")
        dots = plain == "." or plain == ".."
        if plain == ".." then
            table.remove(kept)
        elseif not dots then
            table.insert(kept, segment)
        end
    end
    return "/" .. table.concat(kept, "/") .. (dots and #kept > 0 and "/" or "")
end

-- own: the session's name to its browser, and the address that the gateway finds it at.
-- The first counts with any port: servers put their own behind the name that they are asked under.
local function is_own(authority, own)
    local bare = authority:lower():match("[^@]*$")
    local host = bare:gsub(":%d*$", ""):gsub("%.$", ""):gsub("^%[::ffff:([%d.]+)%]$", "%1")
    return ITSELF[host] or host:find("^127%.%d+%.%d+%.%d+$") or host:find(CONTAINER_ID)
        or host == own.name or bare == own.address or host == own.address
end

local function moved(path_and_more, prefix)
    local path, more = path_and_more:match("^([^?#]*)(.*)$")
    return prefixed(without_dots(path:find("^[/\\]") and path or "/" .. path), prefix) .. more
end

-- One that climbs, from the session's own path *base*; all others mean the same below a prefix.
local function relative(value, prefix, base)
    local path = value:match("^[^?#]*"):gsub("%%2[eE]", "."):gsub("\\", "/")
    if not ("/" .. path .. "/"):find("/../", 1, true) then
        return value
    end
    return moved(base:match("^[^?#]*/") .. value, prefix)
end

-- A reference to the session itself comes back below its prefix; one to another site is left as it is (RFC 9110, 10.2.2).
-- base: the path that the session was asked for.
function M.location(value, prefix, own, base)
    local reference = trimmed(value)
    local scheme, rest = reference:match("^(%a[%w+.-]*):(.*)$")
    if scheme and not ({ http = true, https = true })[scheme:lower()] then
        return value
    end
    local authority, path = (rest or reference):match("^[/\\][/\\]+([^/\\?#]*)(.*)$")
    if authority then
        return is_own(authority, own) and moved(path, prefix) or value
    elseif scheme then
        return value
    end
    return reference:find("^[/\\]") and moved(reference, prefix) or relative(reference, prefix, base)
end

-- "5; url=/login": seconds, and where to, with or without quotes; blanks may stand for the semicolon.
function M.refresh(value, ...)
    local before, url = value:match("^(%s*[%d.]+%s*[;,%s]%s*)(.*)$")
    if not before then
        return value
    end
    local named = url:match("^[Uu][Rr][Ll]%s*=%s*") or ""
    local where = url:sub(#named + 1)
    local quote = where:match("^[\"']") or ""
    if quote ~= "" then
        where = where:sub(2):match("^[^" .. quote .. "]*")
    end
    return before .. named .. quote .. M.location(where, ...) .. quote
end

-- Where browsers put a cookie without a path (RFC 6265, 5.1.4); ";" would end the attribute.
function M.default_path(request_uri, prefix)
    local directory = request_uri:match("^([^?#]*)/[^/?#]*")
    local usable = directory and not directory:find("[;%c]") and below(directory, prefix) and directory ~= prefix
    return usable and directory or prefix .. "/"
end

-- The last path counts, and only one that begins with "/".
local function path_of(attributes)
    local path
    for attribute in attributes:gmatch(";([^;]*)") do
        path = attribute:match("^%s*[Pp][Aa][Tt][Hh]%s*=(.*)$") or path
    end
    path = path and trimmed(path)
    return path and path:find("^/") and path
end

-- "__Host-" wants the path "/". Where a session shares its host name, the gateway gives such a cookie another name, which
-- the browser guards nearly as well, and the session its own one back (signing.lua).
M.SHARED_HOST = "__Secure-dd-host-"

-- A cookie never leaves its session: its path is put below the prefix, and it names no domain.
-- alone: no other session has this host name.
function M.cookie(value, prefix, default, alone)
    local pair, attributes = value:match("^([^;]*)(.*)$")
    local kept = attributes:gsub(";%s*[Dd][Oo][Mm][Aa][Ii][Nn]%s*=[^;]*", ""):gsub(";%s*[Pp][Aa][Tt][Hh]%s*=[^;]*", "")
    local of_host = pair:find("^%s*__[Hh][Oo][Ss][Tt]%-")
    if of_host and alone then
        return pair .. kept .. "; Path=/"
    elseif of_host then
        pair = pair:gsub("^%s*__[Hh][Oo][Ss][Tt]%-", M.SHARED_HOST)
    end
    local path = path_of(attributes)
    return pair .. kept .. "; Path=" .. (path and prefixed(path, prefix) or default)
end

return M
