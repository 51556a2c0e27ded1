-- The foundation: tenants and people, desired / assigned / observed rows, audit, idempotency, leases.
--
-- Two roles share the login of the server: berth_app sees only rows of the tenant that its transaction named,
-- berth_system (reconcilers, sign-in, set-up) sees all. Neither owns a table, so row-level security binds both.
-- Every transaction of berth_app starts with set_config('berth.tenant_id', …, true); without it there are no rows.

DO $$
BEGIN
    -- Roles belong to the cluster, not to the database: another installation may have made them.
    PERFORM pg_advisory_xact_lock(7205759403792793);
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'berth_app') THEN CREATE ROLE berth_app NOLOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'berth_system') THEN CREATE ROLE berth_system NOLOGIN; END IF;
    EXECUTE format('GRANT berth_app, berth_system TO %I', current_user);
END $$;

GRANT USAGE ON SCHEMA public TO berth_app, berth_system;

-- The tenant of this transaction; NULL when none was named, and NULL equals nothing.
CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('berth.tenant_id', true), '')::uuid $$;

-- ---------------------------------------------------------------- the installation

CREATE TABLE installation (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    install_id      uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    set_up_at       timestamptz,                -- when the first account was made; NULL until then
    setup_token_sha256 bytea,                   -- of the one-time set-up token; NULL once used
    authority_cert_pem text NOT NULL,           -- of the authority that issues node certificates
    authority_key_sealed bytea NOT NULL,        -- its private key, sealed with the master key
    signing_key_sealed bytea NOT NULL           -- Ed25519 key of access tokens, sealed with the master key
);

-- One row per duty that only one server may do at a time. Time comes from the database.
CREATE TABLE leases (
    name        text PRIMARY KEY,
    holder      uuid NOT NULL,
    epoch       bigint NOT NULL CHECK (epoch > 0),  -- grows by one with each new holder
    expires_at  timestamptz NOT NULL
);

-- ---------------------------------------------------------------- people

CREATE TABLE users (
    id              uuid PRIMARY KEY,
    email           text NOT NULL,
    display_name    text NOT NULL,
    password_hash   text NOT NULL,              -- argon2id, PHC string
    platform_administrator boolean NOT NULL DEFAULT false,
    locale          text NOT NULL DEFAULT 'en',
    created_at      timestamptz NOT NULL,
    deactivated_at  timestamptz
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE sessions (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    refresh_sha256  bytea NOT NULL UNIQUE,      -- of the newest refresh token
    previous_refresh_sha256 bytea,              -- of the one before: seen again, the session is revoked
    rotated_at      timestamptz NOT NULL,
    user_agent      text NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE tokens (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name            text NOT NULL,
    secret_sha256   bytea NOT NULL UNIQUE,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    last_used_at    timestamptz,
    revoked_at      timestamptz
);
CREATE INDEX tokens_user ON tokens (user_id);

-- ---------------------------------------------------------------- tenants, projects, environments

CREATE TABLE tenants (
    id              uuid PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    created_at      timestamptz NOT NULL,
    quota_cpu_milli bigint NOT NULL CHECK (quota_cpu_milli >= 0),
    quota_memory_mib bigint NOT NULL CHECK (quota_memory_mib >= 0),
    quota_instances bigint NOT NULL CHECK (quota_instances >= 0),
    quota_apps      bigint NOT NULL CHECK (quota_apps >= 0)
);

-- What a tenant has reserved. Changed only by a conditional UPDATE in the transaction of the change itself.
CREATE TABLE tenant_usage (
    tenant_id       uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    cpu_milli       bigint NOT NULL DEFAULT 0 CHECK (cpu_milli >= 0),
    memory_mib      bigint NOT NULL DEFAULT 0 CHECK (memory_mib >= 0),
    instances       bigint NOT NULL DEFAULT 0 CHECK (instances >= 0),
    apps            bigint NOT NULL DEFAULT 0 CHECK (apps >= 0)
);

CREATE TABLE projects (
    id              uuid NOT NULL PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    name            text NOT NULL,
    created_at      timestamptz NOT NULL,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, id)
);

CREATE TABLE environments (
    id              uuid NOT NULL PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    project_id      uuid NOT NULL,
    name            text NOT NULL,
    position        integer NOT NULL,           -- order of the stages, from 0
    created_at      timestamptz NOT NULL,
    UNIQUE (tenant_id, project_id, name),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, project_id, id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE
);

-- A role, bound to a person at a tenant, or at one of its projects or environments.
CREATE TABLE role_bindings (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    project_id      uuid,
    environment_id  uuid,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role            text NOT NULL CHECK (role IN ('owner','admin','developer','operator','viewer','auditor','finance')),
    created_at      timestamptz NOT NULL,
    CHECK (environment_id IS NULL OR project_id IS NOT NULL),
    CHECK (role <> 'owner' OR project_id IS NULL),
    UNIQUE NULLS NOT DISTINCT (tenant_id, project_id, environment_id, user_id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, project_id, environment_id) REFERENCES environments (tenant_id, project_id, id) ON DELETE CASCADE
);
CREATE INDEX role_bindings_user ON role_bindings (user_id, tenant_id);

CREATE TABLE registry_credentials (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    project_id      uuid NOT NULL,
    registry        text NOT NULL,              -- host name and port
    username        text NOT NULL,
    password_sealed bytea NOT NULL,             -- sealed with the master key, bound to this row's id
    created_at      timestamptz NOT NULL,
    UNIQUE (tenant_id, project_id, registry),
    FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE
);

-- Images loaded from files. The archive itself lies in the server's data directory, named by its digest.
CREATE TABLE images (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    project_id      uuid NOT NULL,
    reference       text NOT NULL,              -- as apps name it, normalised, without digest
    archive_sha256  text NOT NULL,              -- sha256:…, of the archive
    image_digest    text NOT NULL,              -- sha256:…, of the image's configuration
    size_bytes      bigint NOT NULL CHECK (size_bytes > 0),
    created_by      uuid REFERENCES users ON DELETE SET NULL,
    created_at      timestamptz NOT NULL,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX images_reference ON images (tenant_id, project_id, reference, created_at DESC);

-- ---------------------------------------------------------------- DESIRED: written by services, audited

CREATE TABLE apps (
    id              uuid NOT NULL PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    project_id      uuid NOT NULL,
    environment_id  uuid NOT NULL,
    name            text NOT NULL,
    replicas        integer NOT NULL CHECK (replicas >= 0),
    running         boolean NOT NULL,           -- false: stopped, keeps its replicas for the next start
    release_id      uuid,                       -- the release that shall run
    restart_serial  bigint NOT NULL DEFAULT 0,  -- grows by one with each restart that was asked for
    next_release_number integer NOT NULL DEFAULT 1,
    revision        bigint NOT NULL DEFAULT 1,  -- grows with every change of this row: If-Match, and plans commit against it
    created_at      timestamptz NOT NULL,
    deleted_at      timestamptz,                -- wanted gone; the row goes when its instances are gone
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, project_id, environment_id) REFERENCES environments (tenant_id, project_id, id)
);
-- A name is free again once its app was deleted.
CREATE UNIQUE INDEX apps_name ON apps (tenant_id, environment_id, name) WHERE deleted_at IS NULL;

CREATE TABLE releases (
    id              uuid NOT NULL PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    app_id          uuid NOT NULL,
    number          integer NOT NULL CHECK (number > 0),
    spec            jsonb NOT NULL,             -- AppSpec as it was asked for
    pinned_image    text NOT NULL,              -- reference with digest
    image_id        uuid,                       -- when it was loaded from a file
    note            text NOT NULL DEFAULT '',
    created_by      uuid REFERENCES users ON DELETE SET NULL,
    created_at      timestamptz NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (app_id, number),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, image_id) REFERENCES images (tenant_id, id)
);
ALTER TABLE apps ADD FOREIGN KEY (tenant_id, release_id) REFERENCES releases (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;

-- Begun by services; phase, reason and times are written by the rollout reconciler, except that a service may
-- ask for an abort.
CREATE TABLE rollouts (
    id              uuid NOT NULL PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    app_id          uuid NOT NULL,
    from_release_id uuid,
    to_release_id   uuid NOT NULL,
    cause           text NOT NULL CHECK (cause IN ('deploy','rollback','restart')),
    phase           text NOT NULL CHECK (phase IN ('progressing','rolling_back','succeeded','rolled_back','failed','superseded')),
    reason          text NOT NULL DEFAULT '',   -- why it was taken back, in English
    abort_wanted    boolean NOT NULL DEFAULT false,
    started_by      uuid REFERENCES users ON DELETE SET NULL,
    started_at      timestamptz NOT NULL,
    progressed_at   timestamptz NOT NULL,
    ended_at        timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, from_release_id) REFERENCES releases (tenant_id, id),
    FOREIGN KEY (tenant_id, to_release_id) REFERENCES releases (tenant_id, id)
);
CREATE UNIQUE INDEX rollouts_one_at_a_time ON rollouts (app_id) WHERE phase IN ('progressing','rolling_back');
CREATE INDEX rollouts_app ON rollouts (app_id, started_at DESC);

-- ---------------------------------------------------------------- nodes

CREATE TABLE nodes (
    id              uuid PRIMARY KEY,
    name            text NOT NULL,
    availability    text NOT NULL DEFAULT 'active' CHECK (availability IN ('active','cordoned','drained')),
    labels          jsonb NOT NULL DEFAULT '{}',
    joined_at       timestamptz NOT NULL,
    removed_at      timestamptz,
    certificate_serial text NOT NULL            -- of the newest certificate; older ones are refused after a renewal
);
CREATE UNIQUE INDEX nodes_name ON nodes (name) WHERE removed_at IS NULL;

-- ASSIGNED: the generation of each node's desired set; written by placement alone.
CREATE TABLE node_generations (
    node_id         uuid PRIMARY KEY REFERENCES nodes ON DELETE CASCADE,
    epoch           bigint NOT NULL,
    generation      bigint NOT NULL
);

-- OBSERVED: what a node's agent said last; written by observation alone.
CREATE TABLE node_observations (
    node_id         uuid PRIMARY KEY REFERENCES nodes ON DELETE CASCADE,
    last_seen_at    timestamptz NOT NULL,
    docker_answers  boolean NOT NULL,
    agent_version   text NOT NULL,
    cpu_milli       bigint NOT NULL,
    memory_mib      bigint NOT NULL,
    architecture    text NOT NULL,
    os              text NOT NULL,
    kernel          text NOT NULL,
    docker_version  text NOT NULL,
    address         text NOT NULL,
    images          jsonb NOT NULL DEFAULT '[]',
    used_host_ports jsonb NOT NULL DEFAULT '[]',
    disk_free_mib   bigint NOT NULL DEFAULT 0,
    applied_epoch   bigint NOT NULL DEFAULT 0,
    applied_generation bigint NOT NULL DEFAULT 0
);

CREATE TABLE join_tokens (
    id              uuid PRIMARY KEY,
    secret_sha256   bytea NOT NULL UNIQUE,
    created_by      uuid REFERENCES users ON DELETE SET NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz,
    node_id         uuid REFERENCES nodes
);

-- ---------------------------------------------------------------- ASSIGNED: written by placement alone

-- A plan commits only against the version that it was made from.
CREATE TABLE assignment_version (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version         bigint NOT NULL
);
INSERT INTO assignment_version (version) VALUES (0);

CREATE TABLE instances (
    id              uuid NOT NULL PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    app_id          uuid NOT NULL,
    release_id      uuid NOT NULL,
    node_id         uuid NOT NULL REFERENCES nodes,
    number          integer NOT NULL CHECK (number > 0),
    restart_serial  bigint NOT NULL,            -- apps.restart_serial when it was made: older ones are replaced
    generation      bigint NOT NULL,
    stop_reason     text,                       -- wanted gone since, and why
    explanation     jsonb NOT NULL,             -- why it is on its node
    created_at      timestamptz NOT NULL,
    stopping_at     timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id),
    FOREIGN KEY (tenant_id, release_id) REFERENCES releases (tenant_id, id)
);
CREATE INDEX instances_node ON instances (node_id);
CREATE INDEX instances_app ON instances (app_id);

-- Wanted instances without a place, replaced whole for an app with each plan.
CREATE TABLE refusals (
    app_id          uuid NOT NULL,
    tenant_id       uuid NOT NULL,
    release_id      uuid NOT NULL,
    number          integer NOT NULL,
    nodes           jsonb NOT NULL,             -- node → the constraint that failed
    since           timestamptz NOT NULL,
    PRIMARY KEY (app_id, release_id, number),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id) ON DELETE CASCADE
);

-- ---------------------------------------------------------------- OBSERVED: written by observation alone

CREATE TABLE observations (
    instance_id     uuid PRIMARY KEY REFERENCES instances ON DELETE CASCADE,
    tenant_id       uuid NOT NULL,
    phase           text NOT NULL,
    container_id    text NOT NULL DEFAULT '',
    reason          text NOT NULL DEFAULT '',
    message         text NOT NULL DEFAULT '',
    restarts        integer NOT NULL DEFAULT 0,
    ports           jsonb NOT NULL DEFAULT '[]', -- [{container, host}]
    started_at      timestamptz,
    exit_code       integer,
    pulled_bytes    bigint NOT NULL DEFAULT 0,
    pull_total_bytes bigint NOT NULL DEFAULT 0,
    ready_since     timestamptz,
    updated_at      timestamptz NOT NULL
);

-- What the platform did, and why. Not the audit trail: nobody's act.
CREATE TABLE events (
    id              uuid PRIMARY KEY,
    tenant_id       uuid,                       -- NULL: concerns the platform, such as a node
    project_id      uuid,
    environment_id  uuid,
    app_id          uuid,
    instance_id     uuid,
    node_id         uuid,
    at              timestamptz NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('info','warn','error')),
    reason          text NOT NULL,              -- a code
    message         text NOT NULL,              -- an English sentence
    params          jsonb NOT NULL DEFAULT '{}' -- the parts of the sentence, for translations
);
CREATE INDEX events_app ON events (app_id, id DESC) WHERE app_id IS NOT NULL;
CREATE INDEX events_tenant ON events (tenant_id, id DESC) WHERE tenant_id IS NOT NULL;
CREATE INDEX events_node ON events (node_id, id DESC) WHERE node_id IS NOT NULL;

-- ---------------------------------------------------------------- audit and idempotency

-- One chain per tenant, and one for the platform (tenant_id NULL). Insert-only.
CREATE TABLE audit (
    id              uuid PRIMARY KEY,
    tenant_id       uuid,
    sequence        bigint NOT NULL CHECK (sequence > 0), -- within the chain, without a gap
    at              timestamptz NOT NULL,
    actor_id        uuid,                       -- NULL: nobody known (a failed sign-in)
    actor           text NOT NULL,              -- e-mail at that time
    action          text NOT NULL,              -- noun.verb
    target          text NOT NULL,              -- path of names, such as acme/shop/production/web
    target_id       uuid,
    result          text NOT NULL CHECK (result IN ('done','denied','failed')),
    request_id      uuid NOT NULL,
    source          text NOT NULL,              -- address of the caller
    before          jsonb,                      -- without secrets
    after           jsonb,
    previous_sha256 bytea NOT NULL,
    sha256          bytea NOT NULL
);
CREATE UNIQUE INDEX audit_chain ON audit (tenant_id, sequence) NULLS NOT DISTINCT;

-- The end of each chain; locked by the transaction that appends.
CREATE TABLE audit_heads (
    chain           uuid PRIMARY KEY,           -- tenant, or the nil UUID for the platform
    sequence        bigint NOT NULL,
    sha256          bytea NOT NULL
);

CREATE TABLE idempotency_keys (
    actor_id        uuid NOT NULL,
    key             text NOT NULL,
    request_sha256  bytea NOT NULL,             -- of method, path and body
    status          integer NOT NULL,
    body            bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (actor_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- One-time tickets for WebSockets: a browser cannot send a header with them, and a token must not be in a URL.
CREATE TABLE tickets (
    secret_sha256   bytea PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    instance_id     uuid NOT NULL,
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz
);

-- ---------------------------------------------------------------- the second wall

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['installation','leases','users','sessions','tokens','tenants','tenant_usage','projects',
        'environments','role_bindings','registry_credentials','images','apps','releases','rollouts','nodes',
        'node_generations','node_observations','join_tokens','assignment_version','instances','refusals',
        'observations','events','audit','audit_heads','idempotency_keys','tickets']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY system_sees_all ON %I TO berth_system USING (true) WITH CHECK (true)', t);
    END LOOP;
    -- Rows of a tenant, by their tenant_id.
    FOREACH t IN ARRAY ARRAY['tenant_usage','projects','environments','role_bindings','registry_credentials','images',
        'apps','releases','rollouts','instances','refusals','observations','events','audit','tickets']
    LOOP
        EXECUTE format('CREATE POLICY own_tenant ON %I TO berth_app USING (tenant_id = current_tenant()) '
            'WITH CHECK (tenant_id = current_tenant())', t);
    END LOOP;
END $$;

CREATE POLICY own_tenant ON tenants TO berth_app USING (id = current_tenant()) WITH CHECK (id = current_tenant());
CREATE POLICY own_chain ON audit_heads TO berth_app USING (chain = current_tenant()) WITH CHECK (chain = current_tenant());
-- People of the tenant, to show names beside what they did; never their hashes (see the grants).
CREATE POLICY people_of_tenant ON users FOR SELECT TO berth_app
    USING (EXISTS (SELECT FROM role_bindings b WHERE b.user_id = users.id AND b.tenant_id = current_tenant()));
-- A node's name and address are shown to whoever has an instance on it.
CREATE POLICY nodes_in_use ON nodes FOR SELECT TO berth_app
    USING (EXISTS (SELECT FROM instances i WHERE i.node_id = nodes.id AND i.tenant_id = current_tenant()));
CREATE POLICY node_observations_in_use ON node_observations FOR SELECT TO berth_app
    USING (EXISTS (SELECT FROM instances i WHERE i.node_id = node_observations.node_id AND i.tenant_id = current_tenant()));
-- Keys are looked up by their owner within the caller's transaction.
CREATE POLICY own_keys ON idempotency_keys TO berth_app
    USING (actor_id = nullif(current_setting('berth.actor_id', true), '')::uuid)
    WITH CHECK (actor_id = nullif(current_setting('berth.actor_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO berth_system;
REVOKE UPDATE, DELETE ON audit FROM berth_system;

GRANT SELECT ON tenants, tenant_usage, projects, environments, role_bindings, registry_credentials, images, apps,
    releases, rollouts, nodes, node_observations, instances, refusals, observations, events, audit, audit_heads,
    idempotency_keys TO berth_app;
GRANT SELECT (id, email, display_name, created_at, deactivated_at) ON users TO berth_app;
GRANT INSERT ON projects, environments, role_bindings, registry_credentials, images, apps, releases, rollouts, audit,
    audit_heads, idempotency_keys, events TO berth_app;
GRANT UPDATE ON tenant_usage, apps, rollouts, role_bindings, registry_credentials, audit_heads TO berth_app;
GRANT DELETE ON projects, environments, role_bindings, registry_credentials, images TO berth_app;
