/**
 * Guarantees taken away, so that a proof can show that its checks notice (test/RELIABILITY.md). Handed to a handler's
 * constructor by such a proof and by nobody else: no setting and no variable leads here.
 */
export interface Weakened {
  /** Results are stored without closing the lease, also by a worker that has lost it. */
  fencing?: "off";
  /** The message is removed before the result is decided. */
  acknowledge?: "before-commit";
}
