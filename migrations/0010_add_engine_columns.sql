-- What the engine needs beside the foundation.

-- A renewal whose answer was lost must not lock a node out: the certificate before stays good until the newer one was used.
ALTER TABLE nodes ADD COLUMN previous_certificate_serial text;

-- The desired set is empty on purpose: its last instance went by the engine's own doing. An agent stops everything only
-- then; a set that is empty for another reason (lost rows) stops nothing.
ALTER TABLE node_generations ADD COLUMN emptied boolean NOT NULL DEFAULT false;

-- Deleting an app looks for its instances by (tenant, app); removing a release looks for them, too.
CREATE INDEX instances_release ON instances (release_id);
-- Deleted apps wait for their instances to be gone.
CREATE INDEX apps_deleted ON apps (id) WHERE deleted_at IS NOT NULL;
