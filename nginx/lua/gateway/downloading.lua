-- Downloads by links that work once, and a person's: /downloads/<secret>.
--
-- What reads a link (HEAD, scanners of mail, previews of chats) gets a page with a button and uses up nothing; the button
-- sends POST. That is passed to the socket of the run that offers the download, which takes one such request in its life.

local hashing = require "gateway.hashing"
local origins = require "gateway.origins"
local pages = require "gateway.pages"
local refusals = require "gateway.refusals"

local M = {}
local NOT_THERE = 2 -- ENOENT; a socket that is there cannot be opened as a file, and that is another number
local READS = { GET = true, HEAD = true }

-- The socket is called by half the digest, for its path may have 107 bytes: who sees its name cannot make the link of it.
local function name_of(secret)
    return hashing.hex(secret, 16)
end

local function is_offered(name)
    local file, _, number = io.open(ngx.var.downloads .. "/" .. name .. ".sock")
    if file then
        file:close()
    end
    return file ~= nil or number ~= NOT_THERE
end

function M.gone()
    refusals.say("a download link that is used up, over, or never was: download-backup gives another one")
    return pages.show("bad_download", 410)
end

function M.admit()
    local secret, method = ngx.var.uri:match("^/downloads/([%w_-]+)$"), ngx.req.get_method()
    if not secret or #secret ~= 43 or origins.session_of_host() then
        return ngx.exit(404)
    end
    local name = name_of(secret)
    if not is_offered(name) then
        return M.gone()
    elseif READS[method] then
        return pages.show_download("/downloads/" .. secret)
    elseif method ~= "POST" then
        return ngx.exit(405)
    elseif origins.foreign() then
        return ngx.exec("@foreign")
    end
    ngx.var.download = name
end

return M
