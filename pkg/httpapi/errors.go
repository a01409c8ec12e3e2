package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
)

// errorInfo is X-Road's error body.
type errorInfo struct {
	Status   int           `json:"status"`
	Error    *codeDetails  `json:"error,omitempty"`
	Warnings []codeDetails `json:"warnings,omitempty"`
}

type codeDetails struct {
	Code             string              `json:"code"`
	Metadata         []string            `json:"metadata,omitempty"`
	ValidationErrors map[string][]string `json:"validation_errors,omitempty"`
}

// statuses is the one place that knows what a kind of fault is in HTTP.
var statuses = map[fault.Kind]int{
	fault.Internal:     http.StatusInternalServerError,
	fault.Invalid:      http.StatusBadRequest,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusConflict,
	fault.TooLarge:     http.StatusRequestEntityTooLarge,
	fault.TooMany:      http.StatusTooManyRequests,
	fault.Unavailable:  http.StatusServiceUnavailable,
}

// bare are the kinds that X-Road answers with the status alone.
var bare = map[fault.Kind]bool{fault.Unauthorized: true, fault.Forbidden: true, fault.TooLarge: true, fault.TooMany: true}

func infoOf(err error) errorInfo {
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok && tooLong != nil {
		return errorInfo{Status: http.StatusRequestEntityTooLarge}
	}
	f, isFault := errors.AsType[*fault.Error](err)
	if !isFault {
		if e, ok := errors.AsType[*echo.HTTPError](err); ok {
			return errorInfo{Status: e.Code}
		}
		if database.IsDuplicate(err) || database.IsForeignKey(err) {
			return errorInfo{Status: http.StatusConflict}
		}
		return errorInfo{Status: http.StatusInternalServerError}
	}
	info := errorInfo{Status: statuses[f.Kind]}
	if bare[f.Kind] || f.Code == "" || f.Kind == fault.Internal && f.Code == "internal_error" {
		return info
	}
	info.Error = &codeDetails{Code: f.Code, Metadata: f.Metadata, ValidationErrors: f.Fields}
	for _, w := range f.Warnings {
		info.Warnings = append(info.Warnings, codeDetails{Code: w.Code, Metadata: w.Metadata})
	}
	return info
}

// renderError is echo's error handler: the only place where an error becomes an answer. Causes stay in the log.
func (s *Server) renderError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	info := infoOf(err)
	if errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil {
		info.Status = 499 // the caller hung up: not our failure, and nobody reads this
	}
	if info.Status == http.StatusTooManyRequests || info.Status == http.StatusRequestEntityTooLarge {
		c.Response().Header().Set("Connection", "close")
	}
	_ = c.JSON(info.Status, info)
}
