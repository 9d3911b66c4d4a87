-- Health of an ImageCache for Argo CD: Healthy when pods can start from the cache of this spec.
local hs = { status = "Progressing", message = "Waiting for the controller" }

if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "Waiting for the cache to be deleted"
  return hs
end

local annotations = obj.metadata.annotations or {}
if annotations["imagecache.eci.alibabacloud.com/paused"] == "true" then
  hs.status = "Suspended"
  hs.message = "Paused by annotation"
  return hs
end

local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready, synced = conditions["Ready"], conditions["Synced"]

-- The controller has not seen this spec yet.
if synced ~= nil and synced.observedGeneration ~= nil and obj.metadata.generation ~= nil
    and synced.observedGeneration < obj.metadata.generation then
  return hs
end

if synced ~= nil and synced.status == "False" then
  local passing = { Submitting = true, Adopting = true, Unreachable = true, SecretUnreadable = true, ListingDoubtful = true }
  -- A rebuild keeps its reason when ECI refuses it.
  passing.Rebuilding = status.phase ~= "UpdateFailed"
  hs.message = synced.message
  if not passing[synced.reason] then
    hs.status = "Degraded"
  end
  return hs
end

if status.phase == "Failed" or status.phase == "UpdateFailed" then
  hs.status = "Degraded"
  hs.message = ready ~= nil and ready.message or status.phase
  return hs
end

if ready ~= nil and (ready.reason == "Expired" or ready.reason == "Eliminated" or ready.reason == "Gone") then
  hs.status = "Degraded"
  hs.message = ready.message
  return hs
end

-- A definition without conditions, such as the one of ACK, has the phase only.
if (ready ~= nil and ready.status == "True") or (ready == nil and status.phase == "Ready") then
  hs.status = "Healthy"
  hs.message = "Pods can start from " .. (status.imageCacheId or "the cache")
  return hs
end

if status.phase ~= nil and status.phase ~= "" then
  hs.message = status.phase
  if status.progress ~= nil then
    hs.message = status.phase .. ", " .. status.progress
  end
end
return hs
