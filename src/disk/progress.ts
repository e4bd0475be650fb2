/**
 * How far this process has come with reading a listing: plain counts, which whoever shows them polls. A call for each file or chunk
 * would cost every cold build; a store costs nothing that can be measured.
 * @module
 */

export interface Progress {
  /** Files of the listing. 0 until it is there. */
  files: number;
  filesDone: number;
  /** Of those that are done. */
  bytesDone: number;
  /** Of the large file that is being read. 0 where there is none. */
  fileBytes: number;
  fileBytesDone: number;
}

const NONE: Progress = { files: 0, filesDone: 0, bytesDone: 0, fileBytes: 0, fileBytesDone: 0 };

/** Of the last pass that began to read. */
export const progress: Progress = { ...NONE };

export function resetProgress(files = 0): void {
  Object.assign(progress, NONE, { files });
}
