// Package globalconf knows the global configuration of an X-Road instance: what it says, how it is written, signed, published, downloaded,
// verified and kept.
//
// A central server builds SharedParameters (seen by everyone) and PrivateParameters (seen by its own instance), writes them with
// EncodeShared and EncodePrivate in each of the versions 2…6, names the files and their hashes in a Directory and signs that with
// SignDirectory. Anchors tell consumers where the directory is and which certificates its signatures may have.
//
// A consumer has an Anchor and a Client. Client.Update downloads the directory, believes nothing of it before OpenDirectory has verified
// the signature over its raw bytes, fetches the parts whose hash changed, decodes them strictly, keeps them on disk and returns a
// Snapshot. Load makes the same Snapshot of what is on disk, also of a folder that X-Road's own configuration client wrote.
//
// A Snapshot is immutable: look-ups are map reads without locks, and a part whose hash did not change is neither downloaded nor decoded
// nor indexed again. Parts are read by a streaming decoder that checks order, number and form of elements while it reads, as the
// schemas in schema/xsd/globalconf do; no tree is built.
//
// Errors are faults with the codes global_conf_* of X-Road 7.8.
package globalconf
