-- How far audit trails were sent to a log collector.
CREATE TABLE audit_forwarded (
    chain           uuid PRIMARY KEY,           -- tenant, or the nil UUID for the platform
    sequence        bigint NOT NULL,            -- of the last row that was sent; 0: none yet
    checkpoint      bigint NOT NULL             -- row of the last checkpoint that was sent; -1: none yet
);
ALTER TABLE audit_forwarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_forwarded FORCE ROW LEVEL SECURITY;
CREATE POLICY system_sees_all ON audit_forwarded TO berth_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON audit_forwarded TO berth_system;
