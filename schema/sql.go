package schema

import (
	"embed"
	"io/fs"
)

//go:embed sql/*/*/*.sql
var migrations embed.FS

// Migrations gives the SQL migrations of one server ("central" or "security") for one driver ("sqlite" or "postgres"), at the root of the
// returned file system, in goose's format. An unknown pair gives an empty one.
func Migrations(server, driver string) fs.FS {
	files, err := fs.Sub(migrations, "sql/"+server+"/"+driver)
	if err != nil { // only a path with ".." or a leading slash
		return embed.FS{}
	}
	return files
}
