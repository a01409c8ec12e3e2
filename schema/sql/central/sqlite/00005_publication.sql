-- +goose Up

-- How the generation of the configuration is doing at each central server, for the others to show.
CREATE TABLE configuration_publication (
    node          TEXT PRIMARY KEY,
    generated_at  DATETIME, -- the latest that succeeded
    failing_since DATETIME  -- NULL while it succeeds
);

-- +goose Down
DROP TABLE configuration_publication;
