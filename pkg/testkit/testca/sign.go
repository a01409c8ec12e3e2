package testca

import (
	"io"
	"net/http"

	"github.com/ristmik/ristmik/pkg/certificate"
)

// usages are the values of the field "type".
var usages = map[string]certificate.Usage{"auth": certificate.Authentication, "sign": certificate.Signing}

// SigningHandler serves POST /testca/sign: a multipart form with the field type ("auth" or "sign") and the file certreq, a PKCS#10 request in
// PEM or DER. The answer is the certificate in PEM, with the request's subject.
func (c *CA) SigningHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /testca/sign", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4*maxRequest)
		usage, ok := usages[r.FormValue("type")]
		if !ok {
			http.Error(w, "type must be auth or sign", http.StatusBadRequest)
			return
		}
		request, err := formFile(r, "certreq")
		if err != nil {
			http.Error(w, "certreq must be a file", http.StatusBadRequest)
			return
		}
		cert, err := c.Sign(request, usage)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(certificate.EncodePEM(cert))
	})
	return mux
}

// formFile reads a form's file; a plain field of that name serves as well.
func formFile(r *http.Request, name string) ([]byte, error) {
	file, _, err := r.FormFile(name)
	if err != nil {
		if value := r.FormValue(name); value != "" {
			return []byte(value), nil
		}
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, maxRequest+1))
}
