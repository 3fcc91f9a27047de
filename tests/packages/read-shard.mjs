// Groups the members of a shard as webdataset readers do, with a tar reader that knows nothing of Sana:
//   node read-shard.mjs <shard.tar>
// Prints one json line a sample: key, its suffixes in order, the length and SHA-256 of each member, the txt and the parsed json.
import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import tar from "tar-stream";

let sample = null;
const extract = tar.extract();
extract.on("entry", (header, stream, next) => {
  const dot = header.name.indexOf(".", header.name.lastIndexOf("/") + 1);
  const [key, suffix] = [header.name.slice(0, dot), header.name.slice(dot + 1).toLowerCase()];
  if (sample?.key !== key) {
    if (sample) console.log(JSON.stringify(sample));
    sample = { key, suffixes: [], sizes: [], sha256: [], types: [], modes: [], owners: [], times: [] };
  }
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("end", () => {
    const bytes = Buffer.concat(chunks);
    sample.suffixes.push(suffix);
    sample.sizes.push(bytes.length);
    sample.sha256.push(createHash("sha256").update(bytes).digest("hex"));
    sample.types.push(header.type);
    sample.modes.push(header.mode);
    sample.owners.push(`${header.uid}:${header.gid}:${header.uname}:${header.gname}`);
    sample.times.push(header.mtime.toISOString());
    if (suffix === "txt") sample.txt = bytes.toString("utf8");
    if (suffix === "json") sample.json = JSON.parse(bytes.toString("utf8"));
    next();
  });
});
extract.on("finish", () => { if (sample) console.log(JSON.stringify(sample)); });
createReadStream(process.argv[2]).pipe(extract);
