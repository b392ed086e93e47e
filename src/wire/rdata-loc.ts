/**
 * The data of LOC records (RFC 1876): degrees, minutes and seconds, metres above a base, and sizes
 * of one digit and a power of ten. Whole numbers only, so reading and printing are exact.
 */
import { type Parsed, parsed, refused } from "./parsed.ts";
import {
  bytesNumber,
  type FieldCodec,
  joinBytes,
  numberBytes,
  type TokenReader,
} from "./rdata-tokens.ts";

const locBytes = 16;
const equator = 2 ** 31;
/** Centimetres below the reference spheroid at which altitude counts from 0. */
const altitudeBase = 10_000_000;
/** Size, horizontal and vertical precision when they are left out: 1 m, 10 km, 10 m. */
const defaults = [0x12, 0x16, 0x13] as const;

/** Digits with up to `places` decimals -> a whole number of that many places. */
function scaled(text: string, places: number): number | undefined {
  const parts = /^(-?)(\d{1,10})(?:\.(\d*))?$/.exec(text);
  const decimals = parts?.[3] ?? "";
  if (parts === null || decimals.length > places) return undefined;
  const value = Number(parts[2] ?? 0) * 10 ** places + Number(decimals.padEnd(places, "0") || 0);
  return parts[1] === "-" ? -value : value;
}

/** `d [m [s.sss]] N`: thousandths of a second from the equator or Greenwich, or why not. */
function parseAngle(
  reader: TokenReader,
  way: { readonly plus: string; readonly minus: string; readonly degreesMax: number },
): Parsed<Uint8Array> {
  const parts: number[] = [];
  for (
    let word = reader.tokens[reader.at++];
    word !== undefined;
    word = reader.tokens[reader.at++]
  ) {
    const letter = word.text.toUpperCase();
    if (letter === way.plus || letter === way.minus) {
      const [degrees, minutes = 0, thousandths = 0] = parts;
      if (degrees === undefined) return refused("degrees are missing");
      const angle = (degrees * 60 + minutes) * 60_000 + thousandths;
      if (minutes > 59 || thousandths >= 60_000 || angle > way.degreesMax * 3_600_000) {
        return refused("degrees, minutes or seconds out of range");
      }
      return parsed(numberBytes(equator + (letter === way.plus ? angle : -angle), 4));
    }
    const value = scaled(word.text, parts.length === 2 ? 3 : 0);
    if (value === undefined || value < 0 || parts.length === 3) break;
    parts.push(value);
  }
  return refused(`degrees, minutes and seconds are wanted, then ${way.plus} or ${way.minus}`);
}

/** Metres such as `10000m` or `1.50` -> one digit and a power of ten, of centimetres. */
function parseSize(text: string): number | undefined {
  const centimetres = scaled(text.replace(/m$/i, ""), 2);
  if (centimetres === undefined || centimetres < 0 || centimetres > 9_000_000_000) return undefined;
  let mantissa = centimetres;
  let exponent = 0;
  while (mantissa > 9) {
    mantissa = Math.floor(mantissa / 10);
    exponent++;
  }
  return mantissa * 16 + exponent;
}

function parseLoc(reader: TokenReader): Parsed<Uint8Array> {
  const latitude = parseAngle(reader, { plus: "N", minus: "S", degreesMax: 90 });
  if (!latitude.ok) return latitude;
  const longitude = parseAngle(reader, { plus: "E", minus: "W", degreesMax: 180 });
  if (!longitude.ok) return longitude;
  const above = scaled((reader.tokens[reader.at++]?.text ?? "").replace(/m$/i, ""), 2);
  const altitude = (above ?? Number.NaN) + altitudeBase;
  if (!(altitude >= 0 && altitude <= 0xffff_ffff))
    return refused("an altitude in metres is wanted");
  const sizes: number[] = [];
  for (const fallback of defaults) {
    const token = reader.tokens[reader.at];
    const size = token === undefined ? fallback : parseSize(token.text);
    if (size === undefined) return refused("a size in metres, 0 to 90000000, is wanted");
    sizes.push(size);
    if (token !== undefined) reader.at++;
  }
  return parsed(
    joinBytes([
      Uint8Array.of(0, ...sizes),
      latitude.value,
      longitude.value,
      numberBytes(altitude, 4),
    ]),
  );
}

function formatAngle(octets: Uint8Array, [plus, minus]: readonly [string, string]): string[] {
  const angle = bytesNumber(octets) - equator;
  const thousandths = Math.abs(angle);
  const degrees = Math.floor(thousandths / 3_600_000);
  const minutes = Math.floor(thousandths / 60_000) % 60;
  const seconds = ((thousandths % 60_000) / 1000).toFixed(3);
  return [String(degrees), String(minutes), seconds, angle < 0 ? minus : plus];
}

function formatSize(octet: number): string {
  const metres = ((octet >> 4) * 10 ** (octet & 15)) / 100;
  return `${metres < 1 ? metres.toFixed(2) : metres}m`;
}

function isLoc(rdata: Uint8Array, at: number): boolean {
  if (rdata.length - at !== locBytes || rdata[at] !== 0) return false;
  const sizes = [...rdata.subarray(at + 1, at + 4)];
  // A digit over 9 is none; and only 0 begins with a 0 (RFC 1876 section 2).
  if (!sizes.every((octet) => octet >> 4 <= 9 && (octet & 15) <= 9)) return false;
  if (!sizes.every((octet) => octet >> 4 > 0 || octet === 0)) return false;
  const away = (from: number) => Math.abs(bytesNumber(rdata.subarray(from, from + 4)) - equator);
  return away(at + 4) <= 90 * 3_600_000 && away(at + 8) <= 180 * 3_600_000;
}

export const locField: FieldCodec = {
  parse: parseLoc,
  bytes: (rdata, at) => (isLoc(rdata, at) ? locBytes : -1),
  format: (octets) => [
    ...formatAngle(octets.subarray(4, 8), ["N", "S"]),
    ...formatAngle(octets.subarray(8, 12), ["E", "W"]),
    `${((bytesNumber(octets.subarray(12)) - altitudeBase) / 100).toFixed(2)}m`,
    ...Array.from(octets.subarray(1, 4), formatSize),
  ],
};
