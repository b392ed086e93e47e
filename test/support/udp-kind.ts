/** Which sockets the DNS batteries run against: node:dgram, unless a test file says otherwise. */
export const udpKind = { workers: 0 };
