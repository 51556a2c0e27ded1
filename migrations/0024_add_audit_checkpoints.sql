-- Signed checkpoints of audit trails. A chain alone does not see that its tail was cut off.

-- Signs them. Sealed with the master key; NULL until a server that knows it has started once.
ALTER TABLE installation ADD COLUMN audit_key_sealed bytea;

-- Insert-only, like the rows that they are of. The same lines leave the database, into a file of each server's.
CREATE TABLE audit_checkpoints (
    chain           uuid NOT NULL,              -- tenant, or the nil UUID for the platform
    sequence        bigint NOT NULL CHECK (sequence >= 0),
    sha256          bytea NOT NULL,             -- of the row with that sequence
    at              timestamptz NOT NULL,
    key             text NOT NULL,              -- id of the key
    signature       bytea NOT NULL,
    PRIMARY KEY (chain, sequence)
);
ALTER TABLE audit_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY own_chain ON audit_checkpoints TO berth_app USING (chain = current_tenant()) WITH CHECK (chain = current_tenant());
CREATE POLICY system_sees_all ON audit_checkpoints TO berth_system USING (true) WITH CHECK (true);
GRANT SELECT ON audit_checkpoints TO berth_app;
GRANT SELECT, INSERT ON audit_checkpoints TO berth_system;
