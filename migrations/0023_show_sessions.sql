-- People see where they are signed in, and end what they do not know.

ALTER TABLE sessions ADD COLUMN source text NOT NULL DEFAULT ''; -- address from which it was begun
ALTER TABLE sessions RENAME COLUMN rotated_at TO refreshed_at;   -- the browser was there last, to ten minutes
