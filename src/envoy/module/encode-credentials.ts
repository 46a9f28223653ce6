import { createHash } from "node:crypto";
import type { Consumer, Credential } from "#model/consumer.ts";
import { ByteWriter } from "./byte-writer.ts";

/** Into so many resources all credentials are split: a changed key re-sends one of them. */
export const credentialShardCount = 64;

// The numbers of dataplane/assembly/credentials.ts.
const magic = 0x31434b44;
const headerSize = 16;
const hashSize = 16;

/** The shard that holds a credential. */
export function credentialShard(credential: Credential): number {
  return shardOf(hashCredential(credential));
}

/** The shards in which a consumer has credentials, ascending. */
export function consumerShards(consumer: Consumer): readonly number[] {
  return [...new Set(consumer.credentials.map(credentialShard))].sort((a, b) => a - b);
}

/**
 * One shard: all credentials of these consumers that belong to it. Consumers without one may be given too; the order
 * does not matter. Keys and passwords are in it as hashes only.
 */
export function encodeCredentialShard(shard: number, consumers: Iterable<Consumer>): Uint8Array {
  const records = [...consumers]
    .flatMap((consumer) =>
      consumer.credentials.map((credential) => ({
        consumer,
        credential,
        hash: hashCredential(credential),
      })),
    )
    .filter(({ hash }) => shardOf(hash) === shard)
    .sort((a, b) => Buffer.compare(a.hash, b.hash));
  // At least half of the slots stay empty, so that a miss is found soon.
  const mask = 2 ** Math.ceil(Math.log2(Math.max(1, records.length) * 2)) - 1;
  const slots = new Array<number>(mask + 1).fill(0);
  const recordsAt = headerSize + slots.length * 4;
  const writer = new ByteWriter();
  for (const record of records) {
    let slot = record.hash.readUInt32LE(4) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = recordsAt + writer.size;
    writeRecord(writer, record.hash, record.consumer, record.credential);
  }
  const head = new ByteWriter().u32(magic).u32(shard).u32(records.length).u32(mask);
  for (const slot of slots) head.u32(slot);
  return head.bytes(writer.finish()).finish();
}

/** All shards of all consumers, by index; those without credentials too, since each must be sent. */
export function credentialShards(consumers: Iterable<Consumer>): ReadonlyMap<number, Uint8Array> {
  const members = Array.from({ length: credentialShardCount }, (): Consumer[] => []);
  for (const consumer of consumers) {
    for (const shard of consumerShards(consumer)) members[shard]?.push(consumer);
  }
  return new Map(members.map((group, shard) => [shard, encodeCredentialShard(shard, group)]));
}

function writeRecord(writer: ByteWriter, hash: Buffer, consumer: Consumer, credential: Credential): void {
  const start = writer.size;
  writer.bytes(hash).u32(0).u32(consumer.groups.length);
  writer.text(credential.id);
  writer.text(credential.type === "basic-auth" ? credential.username : credential.id);
  writer.text(consumer.id).text(consumer.username).text(consumer.customId);
  writer.text(consumer.groups.join(", "));
  for (const group of consumer.groups) writer.text(group);
  writer.patchU32(start + hashSize, writer.size - start);
}

/**
 * BLAKE2s: a full cryptographic hash that takes the module half of SHA-256's time; its first 128 bits are enough to
 * tell keys apart. The letter in front keeps keys and passwords apart.
 */
function hashCredential(credential: Credential): Buffer {
  const hash = createHash("blake2s256");
  if (credential.type === "key-auth") hash.update("k").update(credential.key);
  else hash.update("b").update(credential.username).update(":").update(credential.password);
  return hash.digest().subarray(0, hashSize);
}

function shardOf(hash: Buffer): number {
  return (hash[0] ?? 0) % credentialShardCount;
}
