-- An example of a filter of requests (Orthanc's "LuaScripts"): who may read what.
--
-- Orthanc asks it for every path, those under /transcoder/ among them, which tell what the
-- resources that they name hold: sizes, descriptions, findings, pictures of a lossy image.
-- So who may not read /instances/{id} must not read /transcoder/instances/{id}/... either.
-- What is not allowed here is forbidden. Put your own users and paths in.

-- These may do everything.
local ADMINISTRATORS = { admin = true }

-- These may only read, and only these paths with all beneath them.
local READERS = {
  reader = {
    '/app', '/system', '/plugins/explorer.js',
    '/transcoder/status', '/transcoder/app',  -- nothing of any resource
    -- '/studies/0123...', '/series/4567...', '/instances/89ab...',
  },
}

local RESOURCES = { patients = true, studies = true, series = true, instances = true }

-- The path of Orthanc's own that tells what one of the transcoder's does.
local function Equivalent(uri)
  local level, id = string.match(uri, '^/transcoder/(%a+)/([^/]+)/')
  if RESOURCES[level] then
    return '/' .. level .. '/' .. id
  end
  return uri
end

local function IsBeneath(uri, path)
  return uri == path or string.sub(uri, 1, #path + 1) == path .. '/'
end

function IncomingHttpRequestFilter(method, uri, ip, username, httpHeaders)
  if ADMINISTRATORS[username] then
    return true
  end
  if method ~= 'GET' then
    return false
  end
  for _, path in ipairs(READERS[username] or {}) do
    if IsBeneath(Equivalent(uri), path) then
      return true
    end
  end
  return false
end
