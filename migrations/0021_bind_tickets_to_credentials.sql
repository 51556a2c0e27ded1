-- A terminal lives no longer than the session or token with which its ticket was asked for: the gate is asked with it
-- when the ticket is redeemed, and again while the terminal is open.

ALTER TABLE tickets
    ADD COLUMN session_id uuid REFERENCES sessions ON DELETE CASCADE,
    ADD COLUMN token_id uuid REFERENCES tokens ON DELETE CASCADE,
    ADD CHECK (num_nonnulls(session_id, token_id) = 1);
