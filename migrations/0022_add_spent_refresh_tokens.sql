-- Every refresh token that a session replaced. Whoever shows one again, however old, holds a copy: the session ends.
-- Before, only the newest but one was known, and an older copy was taken for a stranger's word.
--
-- A session refreshes every ten minutes at most and lives for thirty days: some 4,000 rows of it, gone with it.

CREATE TABLE spent_refresh_tokens (
    sha256      bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    session_id  uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    spent_at    timestamptz NOT NULL
);
CREATE INDEX spent_refresh_tokens_session ON spent_refresh_tokens (session_id);

INSERT INTO spent_refresh_tokens (sha256, session_id, spent_at)
SELECT previous_refresh_sha256, id, rotated_at FROM sessions WHERE previous_refresh_sha256 IS NOT NULL;
ALTER TABLE sessions DROP COLUMN previous_refresh_sha256;

ALTER TABLE spent_refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE spent_refresh_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY system_sees_all ON spent_refresh_tokens TO berth_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON spent_refresh_tokens TO berth_system;
