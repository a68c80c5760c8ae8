// Verify a Sigstore bundle of ours, its signature and its inclusion in the log, with npm's @sigstore/verify.
//
//     npm ci && node verify_log.mjs BUNDLE PUBLIC_KEY_PEM LOG_VKEY
//
// Exit code 0: the key signed the statement, and the log has it; 1: not.
import { readFileSync } from "node:fs";
import { createHash, createPublicKey } from "node:crypto";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { Verifier, toSignedEntity, toTrustMaterial } from "@sigstore/verify";

const [bundlePath, pemPath, vkey] = process.argv.slice(2);
try {
  // c2sp.org/signed-note: name+id+base64(type, key). A log's id in Sigstore is the whole hash whose beginning is the key id.
  const [name] = vkey.split("+");
  const typed = Buffer.from(vkey.split("+").slice(2).join("+"), "base64");
  const logId = createHash("sha256").update(`${name}\n`).update(typed).digest("base64");
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), typed.subarray(1)]);
  const root = TrustedRoot.fromJSON({
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [{
      baseUrl: `https://${name}`,
      hashAlgorithm: "SHA2_256",
      publicKey: { rawBytes: spki.toString("base64"), keyDetails: "PKIX_ED25519" },
      logId: { keyId: logId },
    }],
    certificateAuthorities: [], ctlogs: [], timestampAuthorities: [],
  });
  const bundle = bundleFromJSON(JSON.parse(readFileSync(bundlePath, "utf8")));
  const key = createPublicKey(readFileSync(pemPath, "utf8"));
  const hint = bundle.verificationMaterial.content.publicKey.hint;
  const material = toTrustMaterial(root, {
    [hint]: { hint, rawBytes: key.export({ type: "spki", format: "pem" }), validFor: undefined },
  });
  // The log's order is the clock here: no timestamps, exactly one entry.
  new Verifier(material, { tlogThreshold: 1, timestampThreshold: 0 }).verify(toSignedEntity(bundle));
  const [entry] = bundle.verificationMaterial.tlogEntries;
  console.log(`good: ${hint} signed, and ${name} has it at ${entry.logIndex}`);
} catch (error) {
  console.error(`bad: ${error.code ?? error.name}: ${error.message}`);
  process.exit(1);
}
