-- Ports that an uploaded image says it listens on: the form for a new app starts with them.
ALTER TABLE images ADD COLUMN exposed_ports integer[] NOT NULL DEFAULT '{}';
