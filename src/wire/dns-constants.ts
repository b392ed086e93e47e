/**
 * The numbers of the DNS protocol that Rhumb uses, by the names of the IANA registry, and the
 * mnemonics of record types for reading and printing.
 */

export const headerBytes = 12;

/** Bits of the second 16-bit word of the header (RFC 1035 section 4.1.1, RFC 4035 section 3). */
export const headerFlags = {
  qr: 0x8000,
  opcodeMask: 0x7800,
  opcodeShift: 11,
  aa: 0x0400,
  tc: 0x0200,
  rd: 0x0100,
  ra: 0x0080,
  ad: 0x0020,
  cd: 0x0010,
  rcodeMask: 0x000f,
} as const;

export const opcodes = { query: 0, notify: 4, update: 5 } as const;

export const rcodes = {
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  yxDomain: 6,
  notAuth: 9,
  badVers: 16,
  badCookie: 23,
} as const;

export const classes = { in: 1, ch: 3, hs: 4, none: 254, any: 255 } as const;

export const types = {
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  ptr: 12,
  hinfo: 13,
  mx: 15,
  txt: 16,
  rp: 17,
  afsdb: 18,
  sig: 24,
  aaaa: 28,
  loc: 29,
  srv: 33,
  naptr: 35,
  dname: 39,
  opt: 41,
  ds: 43,
  sshfp: 44,
  rrsig: 46,
  nsec: 47,
  dnskey: 48,
  nsec3: 50,
  nsec3param: 51,
  tlsa: 52,
  smimea: 53,
  cds: 59,
  cdnskey: 60,
  openpgpkey: 61,
  csync: 62,
  zonemd: 63,
  svcb: 64,
  https: 65,
  spf: 99,
  tsig: 250,
  ixfr: 251,
  axfr: 252,
  mailb: 253,
  maila: 254,
  any: 255,
  uri: 256,
  caa: 257,
} as const;

/** EDNS options (RFC 6891, 5001, 7871, 7873, 7828, 8914). */
export const ednsOptions = {
  nsid: 3,
  clientSubnet: 8,
  cookie: 10,
  tcpKeepalive: 11,
  padding: 12,
  extendedError: 15,
} as const;

/** Extended DNS errors that we send (RFC 8914 section 5.2, RFC 9824 for 30). */
export const extendedErrors = {
  other: 0,
  prohibited: 18,
  notAuthoritative: 20,
  notSupported: 21,
  invalidQueryType: 30,
} as const;

const mnemonics: readonly (readonly [string, number])[] = [
  ["A", 1],
  ["NS", 2],
  ["CNAME", 5],
  ["SOA", 6],
  ["PTR", 12],
  ["HINFO", 13],
  ["MX", 15],
  ["TXT", 16],
  ["RP", 17],
  ["AFSDB", 18],
  ["SIG", 24],
  ["KEY", 25],
  ["AAAA", 28],
  ["LOC", 29],
  ["SRV", 33],
  ["NAPTR", 35],
  ["CERT", 37],
  ["DNAME", 39],
  ["OPT", 41],
  ["DS", 43],
  ["SSHFP", 44],
  ["RRSIG", 46],
  ["NSEC", 47],
  ["DNSKEY", 48],
  ["NSEC3", 50],
  ["NSEC3PARAM", 51],
  ["TLSA", 52],
  ["SMIMEA", 53],
  ["CDS", 59],
  ["CDNSKEY", 60],
  ["OPENPGPKEY", 61],
  ["CSYNC", 62],
  ["ZONEMD", 63],
  ["SVCB", 64],
  ["HTTPS", 65],
  ["SPF", 99],
  ["TKEY", 249],
  ["TSIG", 250],
  ["IXFR", 251],
  ["AXFR", 252],
  ["MAILB", 253],
  ["MAILA", 254],
  ["ANY", 255],
  ["URI", 256],
  ["CAA", 257],
];
const numberByMnemonic: ReadonlyMap<string, number> = new Map(mnemonics);
const mnemonicByNumber: ReadonlyMap<number, string> = new Map(
  mnemonics.map(([mnemonic, number]) => [number, mnemonic]),
);

/** `MX`, `mx` or `TYPE15` -> 15 (RFC 3597 section 5); undefined for anything else. */
export function parseType(text: string): number | undefined {
  const upper = text.toUpperCase();
  const known = numberByMnemonic.get(upper);
  if (known !== undefined) return known;
  const digits = /^TYPE(\d{1,5})$/.exec(upper)?.[1];
  if (digits === undefined) return undefined;
  const number = Number(digits);
  return number <= 0xffff ? number : undefined;
}

export function formatType(type: number): string {
  return mnemonicByNumber.get(type) ?? `TYPE${type}`;
}

/** Types that only ever stand in a question or travel with a message (RFC 6895 section 3.1). */
export function isMetaType(type: number): boolean {
  return type === 0 || type === types.opt || (type >= 128 && type <= 255);
}
