/**
 * Every bound in the system, in one file, with the relations between bounds asserted at the end.
 * Imports nothing of ours but `assert`.
 */
import { assert } from "./errors.ts";

export const limits = {
  /** Configuration text. */
  configFileBytesMax: 16 * 1024 * 1024,
  /** All files of a folder together; parsing takes about a hundred times that in memory. */
  configBytesMax: 32 * 1024 * 1024,
  configFilesMax: 1024,
  /** What aliases stand for, counted whole each time. */
  yamlAliasedNodesMax: 500_000,
  /** Syntax errors reported of one file: after the first few they are echoes. */
  yamlErrorsMax: 20,
  /** Problems handed back of one configuration; the last one counts the rest. */
  problemsMax: 1000,
  yamlDepthMax: 40,
  /** The model. */
  regionsMax: 64,
  servicesMax: 20_000,
  endpointsMax: 200_000,
  poolsPerServiceMax: 256,
  endpointsPerPoolMax: 1024,
  /** Every endpoint of a decision keeps a share of at least 1. */
  endpointsPerServiceMax: 16_384,
  namesPerServiceMax: 64,
  rulesPerServiceMax: 256,
  ruleSetsMax: 4096,
  classesPerRuleSetMax: 4096,
  /** Sets of regions that clients of one service may be served from, intersections included. */
  residencySetsMax: 64,
  /** Ways of steering inside each other, and parts of one with its policies put in. */
  planDepthMax: 16,
  steerNodesMax: 4096,
  /** A capacity or a demand, in its unit; both are counted in thousandths. */
  capacityMax: 1_000_000_000,
  /** Classes of services with demand and capacity: what an allocation goes through. */
  capacityClassesMax: 100_000,
  /** Tiers of a class that are offered to in each of the two walks of an allocation. */
  capacityTiersMax: 8,
  /** What a pool keeps of what comes to it is quantised to 1/this. */
  keepFull: 4096,
  /** Load reports in one message to the observer. */
  loadReportsMax: 500,
  /** Measured latency: cells of clients, cells times regions, networks told apart. */
  latencyCellsMax: 4096,
  latencyRowsMax: 131_072,
  latencyNetworksMax: 256,
  latencyMicrosecondsMax: 60_000_000,
  /** Samples in one message to the observer. */
  latencySamplesMax: 500,
  /** Rows of a file of round trips or of loads. */
  measureRowsMax: 500_000,
  /** Nodes of one condition, and how deep they nest. */
  whenNodesMax: 4096,
  whenDepthMax: 50,
  /** The prover: assertions, and decisions looked at for one assertion before it is undecided. */
  assertionsMax: 64,
  proveDecisionsMax: 500_000,
  /** All assertions of a revision together, when it is applied or checked. */
  proveApplyDecisionsMax: 500_000,
  /** Whole decisions in random states with which a proof is checked. */
  provePoints: 10_000,
  /** Locations, classes and scopes of all rule sets together. */
  ruleSetBytesMax: 512 * 1024 * 1024,
  /** Classes of all services together: cells of the first level of the table. */
  serviceClassesMax: 16_777_216,
  answersMax: 8,
  /** Slots of a shape and of a pool row: part of the contract (docs/steering.md). A prime. */
  slots: 4093,
  /** Pools of which the owners of slots are remembered while they are in trouble. */
  slotOwnersMax: 1024,
  /** Shares are integers that sum to this. */
  shareTotal: 65_536,
  /** Availability is quantised to 1/this. */
  availabilityFull: 256,
  /** More leaves than this under one source prefix are decided as the class `unknown`. */
  spanLeavesMax: 4096,
  /** Geography: what is read from databases. */
  geoDatabasesMax: 8,
  geoDatabaseBytesMax: 1024 * 1024 * 1024,
  geoLeavesMax: 25_000_000,
  geoOverridesMax: 65_536,
  geoCacheFilesMax: 4,
  /** MMDB: values visited and nodes walked, counted together, for each byte of the file. */
  mmdbStepsPerByteMax: 4,
  mmdbDepthMax: 32,
  mmdbMetadataBytesMax: 128 * 1024,
  mmdbTextBytesMax: 256,
  /** DNS. */
  dnsUdpPayload: 1232,
  /** A longer datagram is cut by the kernel, and what is left of it is no message. */
  dnsRequestBytesMax: 4096,
  dnsPlainUdpPayload: 512,
  dnsMessageBytesMax: 65_535,
  dnsNameBytesMax: 255,
  dnsLabelBytesMax: 63,
  /** Labels and pointers read in one message: a full one of ordinary records takes a fifth. */
  dnsDecodeStepsMax: 150_000,
  /** CNAMEs that one answer follows inside our zones; a client goes on by itself. */
  dnsCnameHopsMax: 8,
  /** Mail servers and the like whose addresses are sent along; of a referral all are. */
  dnsAdditionalNamesMax: 16,
  /** Addresses in one answer: endpoints may be host names of many. */
  dnsAnswerAddressesMax: 64,
  /** NSID and the CHAOS texts. */
  dnsIdentityBytesMax: 64,
  dnsZonesMax: 4096,
  dnsRecordsMax: 500_000,
  /** Zone files: all files of one zone together, how many it includes and how deep, $GENERATE. */
  zoneFileBytesMax: 64 * 1024 * 1024,
  zoneIncludesMax: 64,
  zoneIncludeDepthMax: 8,
  zoneGenerateMax: 65_536,
  /** Words of one record: the longest data in hexadecimal, an octet a word, and its head. */
  zoneEntryWordsMax: 65_600,
  /** One RRset, uncompressed: it must fit in one message with its question and an OPT record. */
  dnsRrsetBytesMax: 60_000,
  /** RFC 2181 section 8. */
  dnsRecordTtlSecondsMax: 2_147_483_647,
  /** Flows of responses told apart, and networks that are never limited. */
  dnsRateLimitFlows: 65_536,
  dnsRateLimitExemptMax: 64,
  /** Secrets of cookies at once, and how often their file is looked at. */
  dnsCookieSecretsMax: 4,
  dnsCookieLookMs: 10_000,
  /** TCP clients: what may be set, and what is unless set. */
  dnsTcpConnectionsMax: 16_384,
  dnsTcpConnections: 1024,
  dnsTcpConnectionsPerClient: 64,
  dnsTcpPendingBytesMax: 256 * 1024,
  /** Frames answered in a millisecond, of all clients and of one before the next has its turn. */
  dnsTcpFramesPerTurnMax: 256,
  dnsTcpFramesAtOnceMax: 16,
  dnsTcpIdleMs: 10_000,
  /** While over half of the connections are taken. */
  dnsTcpIdleCrowdedMs: 1000,
  dnsTcpSweepMs: 500,
  /** At the end, for clients that have not taken their answers yet. */
  dnsTcpDrainMs: 2000,
  /** Longest header of the PROXY protocol; real ones have less than 300 octets. */
  proxyHeaderBytesMax: 1024,
  /** DNS over HTTPS: requests at once in one connection, headers of a request, their octets. */
  dnsHttpsStreamsMax: 100,
  dnsHttpsHeadersMax: 64,
  dnsHttpsHeaderBytesMax: 16_384,
  dnsHttpsLingerMs: 200,
  /** How often certificates are looked at. */
  tlsLookMs: 10_000,
  /** Lines of an explanation that is sent over DNS. */
  explainLinesMax: 200,
  /** Files a part has open beside its clients or probes: modules, snapshots, sockets of its own. */
  ownFilesMax: 96,
  /** Asked of the kernel for a UDP socket; it may give less. */
  dnsUdpBufferBytes: 4 * 1024 * 1024,
  /** Worker threads of DNS over UDP, and datagrams of one batch of them. */
  dnsWorkersMax: 64,
  dnsBatch: 64,
  /** How long a worker waits for a datagram before it looks around. */
  dnsWorkerWaitMs: 50,
  /** A worker silent for so long has its sockets drained by its neighbour; then, by the part. */
  dnsWorkerSilentMs: 100,
  dnsWorkerHungMs: 5000,
  /** From this many queries a second on, a worker lets some gather. */
  dnsGatherRateMin: 40_000,
  dnsGatherMicroseconds: 100,
  dnsGatherMicrosecondsMax: 1000,
  /** Addresses listened on by workers. */
  dnsUdpAddressesMax: 256,
  /** Batches a worker answers of a socket that is being closed. */
  dnsDrainBatchesMax: 64,
  /** Datagrams handed to node:dgram and not yet sent. */
  dnsUdpWaitingMax: 1024,
  ttlSecondsMax: 86_400,
  /** Redirect front. */
  redirectConnectionsMax: 8192,
  redirectConnectionsPerClientMax: 512,
  redirectHeaderBytesMax: 16 * 1024,
  redirectHeadersMax: 100,
  redirectHeadersTimeoutMs: 5000,
  redirectIdleMs: 5000,
  redirectRequestsPerConnectionMax: 1000,
  /** A body is not read; so much of it is taken and thrown away, so that the answer arrives. */
  redirectDiscardBytesMax: 1024 * 1024,
  redirectDiscardMs: 1000,
  redirectDrainMs: 3000,
  redirectForwardedMax: 64,
  redirectHopsMax: 4,
  /** Decisions remembered for their reasons, until World changes. */
  redirectReasonsMax: 4096,
  /** Probes. */
  probeIntervalMsMin: 250,
  /** Checks made of others: how deep they nest, and how much one of them asks in all. */
  checkDepthMax: 16,
  checkPartsMax: 64,
  probeTimeoutMsMax: 60_000,
  probeBodyBytesMax: 65_536,
  probesInFlightMax: 4096,
  /** Of those, by origins that timed out the last time: the rest stays free for the others. */
  probesInFlightSlowMax: 3072,
  /** Probes of one origin under way at once: the regular one, and those that confirm a failure. */
  probesPerOriginMax: 4,
  /** The first round after a start is spread over this, or over the interval if that is shorter. */
  probeFirstRoundMs: 2000,
  probeStartsPerSecondMax: 2500,
  /** Each start is later than its place in the schedule by a random part of interval / 16. */
  probeJitterMsMax: 250,
  /** Probes whose traces survive a crash of the prober, and origins that may be under suspicion. */
  journalSlots: 8192,
  suspectsMax: 8192,
  /** Processes in which suspects are probed; how long one has to behave; how long quarantine is. */
  sandboxesMax: 4,
  probationMs: 60_000,
  quarantineMs: 3_600_000,
  /** Host names of endpoints: look-ups at once, and how often. */
  lookUpsInFlightMax: 64,
  lookUpTimeoutMs: 2000,
  lookUpTries: 2,
  resolveMsMin: 5000,
  resolveMsMax: 3_600_000,
  resolveRetryMsMin: 1000,
  resolveRetryMsMax: 30_000,
  /**
   * A time-out noticed later than this after it was due is this process's fault, not the origin's.
   */
  probeLateMs: 1000,
  /** The observer: results are taken into World, and World is written, at most so often. */
  observerBatchMs: 25,
  worldWriteMs: 1000,
  /** World with nothing new in it but the times of results. */
  worldWriteIdleMs: 10_000,
  /** Records on their way to the store; more are left out. How often verdicts go there. */
  recordsWaitingMax: 1000,
  verdictRecordMs: 1000,
  /** How long a start waits for overrides from the store, and an end for the last records. */
  storeWaitMs: 1000,
  /** How often it looks for a new policy, and at its own clock. */
  observerBeatMs: 500,
  /** A gap in that, or between its two clocks, after which silence is not the origins' fault. */
  observerStallMs: 2000,
  /** Bytes of a response's status line and headers, interim (1xx) responses included. */
  probeHeadBytesMax: 32_768,
  /** Bytes of lines between chunks: six for each octet of the longest body. */
  probeChunkBytesMax: 393_216,
  /** Demand files, and one amount in them. */
  demandRowsMax: 500_000,
  demandAmountMax: 1e15,
  /** Locations that move, listed over all services of a plan. */
  planMovesMax: 100_000,
  /** Simulation: its length, samples of its output, probes and events in all. */
  simulationMsMax: 604_800_000,
  simulationSamplesMax: 20_000,
  simulationProbesMax: 5_000_000,
  simulationEventsMax: 1000,
  /** Demand streams: classes of services with demand of their own; and their seconds in all. */
  simulationStreamsMax: 2048,
  simulationStreamSecondsMax: 20_000_000,
  /** Ages of cached answers told apart at the start of a simulation. */
  simulationAgesMax: 300,
  simulationTimelineMax: 10_000,
  /** Operators. */
  overridesMax: 1024,
  overrideHoursMax: 24,
  overrideTextCharsMax: 1024,
  /** Going down this often within the window lengthens the next hold, up to this many holds. */
  flapWindowMs: 600_000,
  holdFactorMax: 16,
  /** Addresses kept of one host name. */
  addressesPerHostMax: 64,
  /** Local sockets: one message. */
  messageBytesMax: 64 * 1024 * 1024,
  /** A command, or any other frame a client sends. */
  commandBytesMax: 64 * 1024,
  linkConnectionsMax: 64,
  /** Commands of one connection that wait for their reply to leave. */
  linkCommandsMax: 16,
  /** Unsent bytes above which a subscriber gets one whole World later instead of each change. */
  linkQueueBytesMax: 8 * 1024 * 1024,
  linkReconnectMsMin: 50,
  linkReconnectMsMax: 1000,
  /** sockaddr_un on Linux and macOS, less the final zero. */
  socketPathBytesMax: 103,
  /** Policies kept on disk, the current one included. */
  policySnapshotsMax: 5,
  /** Label sets of one metric family. */
  metricRowsMax: 200_000,
  /** Store. */
  storeKeyCharsMax: 512,
  storeValueBytesMax: 4 * 1024 * 1024,
  storeListMax: 10_000,
  storeListBytesMax: 16 * 1024 * 1024,
  /**
   * Changes kept for watchers: the newest so many, while they are together not longer than this.
   */
  storeHistoryMax: 10_000,
  storeHistoryBytesMax: 64 * 1024 * 1024,
  storeBusyMs: 2000,
  storePollMs: 200,
  leaseMsMin: 1000,
  leaseMsMax: 86_400_000,
  /** Records kept in the store. */
  revisionRecordsMax: 100,
  auditRecordsMax: 10_000,
  /** Restart of a part: first wait, longest wait. */
  restartMsMin: 50,
  restartMsMax: 1000,
  /** A part that lived this long starts with the first wait again. */
  restartStableMs: 10_000,
  /** A part that serves gets a spare after so long; one silent for longer is not taken. */
  spareAfterMs: 2000,
  spareSilentMs: 2000,
  /** A part says that its loop turns; without a word for so long it is killed and started again. */
  beatMs: 500,
  hungMs: 5000,
  /** Longer silence a part may announce: a start, a compilation, a new table. */
  graceMsMax: 120_000,
  /** After its start a part writes what it compiled, for its next start. */
  compiledFlushMs: 3000,
  /** At the end: for what is under way in fronts, then for each part after them. */
  drainFrontsMs: 5000,
  drainMs: 3000,
  logLineBytesMax: 1024 * 1024,
  /** Lines that wait for a reader of standard error; more are dropped and counted. */
  logWaitingBytesMax: 1024 * 1024,
  /** How long a process that ends waits for that reader. */
  logFlushMs: 200,
  /**
   * Files of the configuration: how often they are looked at, and how long they must stand still.
   */
  sourcePollMs: 1000,
  sourceSettleMs: 200,
  /** The metrics page: how long a part may take, and how many may ask at once. */
  scrapeMs: 1000,
  metricsConnectionsMax: 64,
  /** A first start without persisted verdicts waits for one round of probes, so long at most. */
  firstRoundMs: 3000,
  /** How often a front looks for a snapshot it cannot start without, or could not read. */
  snapshotRetryMs: 250,
  /** How often a front tries to have its own socket. */
  socketRetryMs: 1000,
  /** A front rests after an update of its table for as long as that took, at most so long. */
  frontRestMsMax: 1000,
  /** Where a front waits for an address that a predecessor has not let go of yet. */
  bindRetryMs: 3000,
} as const;

assert(limits.slots > limits.endpointsPerPoolMax, "every endpoint of a pool can have a slot");
assert(limits.slots > limits.poolsPerServiceMax, "every pool of a service can have a slot");
assert(
  12 + 4 + limits.dnsNameBytesMax + 13 + 11 + 24 + 28 + 4 + 2 * limits.dnsIdentityBytesMax <=
    limits.dnsPlainUdpPayload,
  "the longest question, a text, OPT, client subnet, cookie and NSID fit the smallest response",
);
assert(
  (limits.dnsCnameHopsMax + 1) * 2 * (limits.dnsNameBytesMax + 10) < 0x4000,
  "a pointer reaches every owner of a chain of CNAMEs",
);
assert(limits.dnsTcpDrainMs < limits.drainFrontsMs, "the DNS front ends before its part must");
assert(
  limits.dnsWorkerWaitMs + limits.dnsWorkerSilentMs < 200,
  "a hung worker's socket is drained within 200 ms",
);
assert(Number.isInteger(Math.log2(limits.dnsRateLimitFlows)), "flows are found by a mask");
assert(limits.dnsZonesMax <= 0x1_0000, "a zone's index fits 16 bits");
assert(
  limits.dnsRrsetBytesMax + 3 * limits.dnsNameBytesMax + 1024 <= limits.dnsMessageBytesMax,
  "an RRset of the longest kind fits a message",
);
assert(limits.dnsUdpPayload >= limits.dnsPlainUdpPayload, "EDNS never shrinks an answer");
assert(limits.policySnapshotsMax > 1, "a damaged policy has an older one behind it");
assert(limits.linkReconnectMsMin < limits.linkReconnectMsMax, "the wait to reconnect can grow");
assert(limits.restartMsMax <= 1000, "a part that ends is back within a second");
assert(limits.shareTotal > limits.endpointsPerServiceMax, "every answer can have a share");
assert(limits.metricRowsMax >= limits.endpointsMax, "every endpoint can have its own metric row");
assert(limits.probesInFlightSlowMax < limits.probesInFlightMax, "mute origins cannot stop probing");
assert(limits.probesPerOriginMax > 1, "a failure can be confirmed while a probe is under way");
assert(limits.journalSlots > limits.probesInFlightMax, "every probe under way leaves a trace");
assert(limits.sandboxesMax > 2, "both halves of a group and the rest can run at once");
assert(limits.hungMs >= 4 * limits.beatMs, "a late beat is no hang");
assert(limits.observerStallMs > 2 * limits.observerBeatMs, "a late beat is no stall");
assert(
  limits.storeHistoryBytesMax >= 2 * limits.storeValueBytesMax,
  "the history holds the longest change",
);
assert(limits.storeListBytesMax >= limits.storeValueBytesMax, "a page holds the longest value");
assert(
  limits.redirectDrainMs < limits.drainFrontsMs,
  "the redirect front ends before its part must",
);
assert(limits.redirectDiscardMs < limits.redirectDrainMs, "a discarded body does not hold a drain");
assert(limits.spareSilentMs >= 4 * limits.beatMs, "a late beat does not waste a spare");
