package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// UploadConfig is about pictures that customers send, say of what arrived broken.
type UploadConfig struct {
	MaxKiB int `yaml:"max_kib"` // of a picture; 1 to 65536, default 1024
}

// postUpload takes a picture and gives its checksum, by which customer care knows it.
// It is read as it comes: what it takes of memory does not depend on its size.
func (s *site) postUpload(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	n, err := io.Copy(sum, http.MaxBytesReader(w, r.Body, int64(s.config.Upload.MaxKiB)<<10))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		service.Fail(w, r, http.StatusRequestEntityTooLarge, "too_large", "a picture is too large")
	case err != nil:
		service.Fail(w, r, http.StatusBadRequest, "bad_upload", "the body ended too early")
	case n == 0:
		service.Fail(w, r, http.StatusBadRequest, "bad_upload", "the body is empty")
	default:
		service.Reply(w, http.StatusOK, api.Upload{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
	}
}
