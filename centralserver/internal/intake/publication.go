package intake

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/labstack/echo/v4"
)

// oldestVersion is what a client gets that names no version, or none that can be read.
const oldestVersion = 2

var partPath = regexp.MustCompile(`^V[2-9]/[0-9]{14,32}/[a-z-]+\.xml$`)

// Publication is the handler of port 80: the directories and parts below root, and the WSDL of the management services. There is nothing else to see.
func Publication(root string, wsdl []byte) http.Handler {
	e := echo.New()
	e.HideBanner = true
	for _, source := range []string{"internalconf", "externalconf"} {
		e.GET("/"+source, func(ctx echo.Context) error {
			version, err := strconv.Atoi(ctx.QueryParam("version"))
			if err != nil {
				version = oldestVersion
			}
			return sendFile(ctx, filepath.Join(root, fmt.Sprintf("V%d", version), source), "application/octet-stream")
		})
	}
	e.GET("/managementservices.wsdl", func(ctx echo.Context) error { return ctx.Blob(http.StatusOK, "text/xml; charset=UTF-8", wsdl) })
	e.GET("/*", func(ctx echo.Context) error {
		path := ctx.Param("*")
		if !partPath.MatchString(path) {
			return ctx.NoContent(http.StatusNotFound)
		}
		return sendFile(ctx, filepath.Join(root, path), "application/octet-stream")
	})
	return e
}

func sendFile(ctx echo.Context, path, contentType string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return ctx.NoContent(http.StatusNotFound)
	}
	ctx.Response().Header().Set("Expires", "-1")
	return ctx.Blob(http.StatusOK, contentType, data)
}
