// What the codes and UIDs of the reports are called.

const UID = '1.2.840.10008.1.2';

const SYNTAXES = {
  [UID]: 'Implicit VR Little Endian',
  [`${UID}.1`]: 'Explicit VR Little Endian',
  [`${UID}.1.98`]: 'Encapsulated uncompressed',
  [`${UID}.1.99`]: 'Deflated Explicit VR',
  [`${UID}.2`]: 'Explicit VR Big Endian',
  [`${UID}.5`]: 'RLE lossless',
  [`${UID}.4.50`]: 'JPEG baseline (8 bit, lossy)',
  [`${UID}.4.51`]: 'JPEG extended (12 bit, lossy)',
  [`${UID}.4.57`]: 'JPEG lossless',
  [`${UID}.4.70`]: 'JPEG lossless (SV1)',
  [`${UID}.4.80`]: 'JPEG-LS lossless',
  [`${UID}.4.81`]: 'JPEG-LS near-lossless',
  [`${UID}.4.90`]: 'JPEG 2000 lossless',
  [`${UID}.4.91`]: 'JPEG 2000',
  [`${UID}.4.92`]: 'JPEG 2000 multi-component lossless',
  [`${UID}.4.93`]: 'JPEG 2000 multi-component',
  [`${UID}.4.94`]: 'JPIP referenced',
  [`${UID}.4.95`]: 'JPIP referenced, deflated',
  [`${UID}.4.100`]: 'MPEG-2 main profile, main level',
  [`${UID}.4.101`]: 'MPEG-2 main profile, high level',
  [`${UID}.4.102`]: 'MPEG-4 AVC/H.264 high profile',
  [`${UID}.4.103`]: 'MPEG-4 AVC/H.264 BD-compatible',
  [`${UID}.4.104`]: 'MPEG-4 AVC/H.264 2D',
  [`${UID}.4.105`]: 'MPEG-4 AVC/H.264 3D',
  [`${UID}.4.106`]: 'MPEG-4 AVC/H.264 stereo',
  [`${UID}.4.107`]: 'HEVC/H.265 main profile',
  [`${UID}.4.108`]: 'HEVC/H.265 main 10 profile',
  [`${UID}.4.110`]: 'JPEG XL lossless',
  [`${UID}.4.111`]: 'JPEG XL (recompressed JPEG)',
  [`${UID}.4.112`]: 'JPEG XL',
  [`${UID}.4.201`]: 'HTJ2K lossless',
  [`${UID}.4.202`]: 'HTJ2K lossless (RPCL)',
  [`${UID}.4.203`]: 'HTJ2K',
  [`${UID}.8.1`]: 'Deflated image frames',
};

/** The name of a transfer syntax; its UID where it has none here. */
export function syntaxName(uid) {
  return SYNTAXES[uid] || uid || 'unknown';
}

// In the order in which they are stacked and listed.
export const OUTCOMES = {
  transcoded: { name: 'Transcoded', says: 'Transcoded, and proven or measured before it was stored' },
  kept: { name: 'Kept', says: 'In the target syntax already, or no smaller in it: stored byte for byte' },
  unasked: { name: 'Not asked', says: 'Orthanc did not ask for a transcoding' },
  declined: { name: 'Declined', says: 'Must not or cannot be transcoded: the original is stored' },
  failed: { name: 'Failed', says: 'Should have worked and did not: the original is stored' },
};

export const VERDICTS = {
  FAIL: { name: 'Fail', sign: '✕', says: 'The pixels, what they mean or whose they are is in doubt' },
  WARN: { name: 'Warning', sign: '!', says: 'The pixels can be read, but some readers show or measure another image, or none' },
  PASS: { name: 'Pass', sign: '✓', says: 'Nothing was found, or nothing but notes' },
  PENDING: { name: 'Pending', sign: '…', says: 'The checks have not run yet' },
  NONE: { name: 'Not checked', sign: '–', says: 'The checks are off, or were when this was stored' },
};

export const SEVERITIES = {
  FAIL: VERDICTS.FAIL,
  WARN: VERDICTS.WARN,
  NOTE: { name: 'Note', sign: 'i', says: 'A rule is broken or something is odd, and no reader trips over it' },
};

export function outcome(name) {
  return OUTCOMES[name] || { name: name || 'No record', says: 'Nothing was recorded' };
}

// What the decoder that proves a result has in common with its encoder.
const INDEPENDENCE = {
  implementation: 'written by others than the encoder',
  build: 'another build of the encoder’s own library',
  none: 'the encoder’s own library',
};

export function independence(name) {
  return INDEPENDENCE[name] || name;
}

// Why an image was declined or failed.
const REASONS = {
  big_endian_32_bit: '32-bit samples in Big Endian',
  bits_allocated: 'Bits Allocated that no codec takes',
  codec_failed: 'The codec failed',
  codec_refuses: 'The codec does not take such images',
  copied: 'Answered as it was, since there was nothing to transcode',
  damaged_codestream: 'The codestream is damaged',
  damaged_group2: 'Group 2 names several transfer syntaxes',
  decoders_disagree: 'In doubt: two decoders read other samples',
  depth_contradicts: 'In doubt: samples that the header’s cells cannot hold',
  deadline: 'It took longer than the deadline allows',
  deflated: 'Deflated image frames',
  encapsulated_icon: 'An icon with compressed pixels',
  ended_a_worker: 'This file ended a worker before',
  file_too_large: 'The file is too large',
  frames_differ: 'Frames of several sizes or colours',
  frame_too_long: 'A frame is too long for its encoding',
  image_too_large: 'The image is larger than the settings allow',
  internal: 'A defect of this product',
  internal_error: 'A defect of this product',
  jpip: 'The pixels lie on a JPIP server',
  lossy_forbidden: 'Orthanc did not allow a lossy result here',
  lossy_limits: 'No lossy result keeps within the limits',
  lossy_off: 'Lossy transcoding is off',
  lossy_palette: 'Palette colour is never compressed lossily',
  native_too_large: 'Over 4 GB without compression',
  no_bypass: 'The target forbids this way of coding',
  no_codec: 'No codec here does this',
  no_memory: 'No memory was left',
  no_pixel_data: 'No pixel data',
  no_target: 'No transfer syntax that can be made was asked for',
  not_asked: 'Orthanc did not ask',
  not_smaller: 'The result would not have been smaller',
  not_lossless: 'The result was not equal to the original, and was thrown away',
  odd_words: 'Pixel data that is no whole number of samples',
  out_of_memory: 'It took more memory than a worker may',
  overloaded: 'Too many waited',
  private_pixel_encoding: 'A vendor’s private pixel encoding',
  restricted: 'The settings leave this transfer syntax alone',
  result_too_large: 'The result would be too large',
  samples_disagree: 'In doubt: header and codestream differ in Samples per Pixel',
  sign_disagrees: 'In doubt: header and codestream differ in the sign',
  size_disagrees: 'In doubt: header and codestream differ in Rows or Columns',
  single_bit: 'One bit per pixel',
  stopping: 'Orthanc was stopping',
  subsampled_native: 'Subsampled colour without compression',
  truncated: 'The file breaks off',
  truncated_codestream: 'The codestream breaks off',
  unknown_syntax: 'An unknown transfer syntax',
  unsupported_codestream: 'A variant of the codestream that is not supported',
  unused_bits: 'In doubt: something in the unused bits',
  video: 'Video',
  worker_broken: 'A worker was broken',
  worker_killed: 'The worker died of it',
  workers_unavailable: 'No worker could be started',
  ybr_depth: 'Colour of this kind and depth',
};

/** "no_pixel_data" -> "No pixel data"; codes that have no words here are spelled out. */
export function reason(code) {
  if (Object.hasOwn(REASONS, code)) {
    return REASONS[code];
  }
  const text = String(code || '').replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// The lanes of the queue, the most urgent first.
// The parts of the product that may have problems.
const PARTS = {
  configuration: 'Configuration',
  confinement: 'Confinement',
  forwarding: 'Forwarding',
  quarantine: 'Quarantine',
};

export function part(name) {
  return PARTS[name] || name;
}

export const LANES = {
  interactive: 'Frames that someone looks at',
  bulk: 'Transcodings',
  background: 'Checks',
};
