// Verify a proof of ours (c2sp.org/tlog-proof@v1) with golang.org/x/mod/sumdb/note and tlog.
//
// Usage: verify PROOF ENTRY LOG_VKEY
//
// ENTRY is the log entry, made from the statement as docs/spec/log.md says. Exit code 0: the log has it; 1: not.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func verify(proofPath, entryPath, vkey string) error {
	text, err := os.ReadFile(proofPath)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryPath)
	if err != nil {
		return err
	}
	head, checkpoint, found := strings.Cut(string(text), "\n\n")
	if !found {
		return fmt.Errorf("no checkpoint")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("not a proof: %q", lines[0])
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
	if err != nil {
		return err
	}
	said := strings.Split(opened.Text, "\n")
	if len(said) != 4 || said[0] != verifier.Name() {
		return fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(said[1], 10, 64)
	if err != nil {
		return err
	}
	root, err := base64.StdEncoding.DecodeString(said[2])
	if err != nil || len(root) != tlog.HashSize {
		return fmt.Errorf("no root")
	}
	if err := tlog.CheckRecord(proof, size, tlog.Hash(root), index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	fmt.Printf("good: %s has it at %d of %d\n", verifier.Name(), index, size)
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verify PROOF ENTRY LOG_VKEY")
		os.Exit(2)
	}
	if err := verify(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintf(os.Stderr, "bad: %v\n", err)
		os.Exit(1)
	}
}
