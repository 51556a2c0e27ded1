-- What each app has reserved of its tenant's quota, and what the apps half of the API needs to read and write.
--
-- The sum over a tenant's apps equals its row of tenant_usage, always. While a rollout is open an app reserves, of
-- each quantity, the larger of what the new release and the release that it may return to need, so that a take-back
-- never finds the quota used up by somebody else.

ALTER TABLE apps
    ADD COLUMN reserved_cpu_milli bigint NOT NULL DEFAULT 0 CHECK (reserved_cpu_milli >= 0),
    ADD COLUMN reserved_memory_mib bigint NOT NULL DEFAULT 0 CHECK (reserved_memory_mib >= 0),
    ADD COLUMN reserved_instances bigint NOT NULL DEFAULT 0 CHECK (reserved_instances >= 0);

-- How the last rollout of a release went is shown beside each release.
CREATE INDEX rollouts_target ON rollouts (to_release_id, started_at DESC);

-- Tickets are made within the tenant; they are redeemed by the system, as nobody is known yet when one comes in.
GRANT INSERT ON tickets TO berth_app;
