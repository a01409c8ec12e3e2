package hashchain

// appendValue appends the DER of one value of a step: SEQUENCE { OCTET STRING digest, UTF8String digest URI, SEQUENCE {} }. The last one is
// the place of transforms, which stay empty even when a reference lists some.
func appendValue(dst []byte, uri string, digest []byte) []byte {
	inner := make([]byte, 0, len(digest)+len(uri)+10)
	inner = appendTLV(inner, 0x04, digest)
	inner = appendTLV(inner, 0x0c, []byte(uri))
	inner = append(inner, 0x30, 0x00)
	return appendTLV(dst, 0x30, inner)
}

func appendTLV(dst []byte, tag byte, content []byte) []byte {
	dst = append(dst, tag)
	if n := len(content); n < 0x80 {
		dst = append(dst, byte(n))
	} else {
		var octets []byte
		for ; n > 0; n >>= 8 {
			octets = append([]byte{byte(n)}, octets...)
		}
		dst = append(dst, 0x80|byte(len(octets)))
		dst = append(dst, octets...)
	}
	return append(dst, content...)
}
