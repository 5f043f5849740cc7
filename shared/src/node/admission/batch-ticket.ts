// How the dollars of a batch are reserved: one ticket for each campaign's part of it, named after the batch, so that the
// batch's own record says whether the ticket may still be open.
/** Holds what batches can cost. It is no process and does not die; each ticket is named after its batch. */
export const batchHolder = "batches";

/** Of a campaign's part of a batch. */
export function batchTicket(batch: string, campaign: string | null): string {
  return `${batch}.${campaign ?? ""}`;
}

export function batchOfTicket(ticket: string): string {
  return ticket.slice(0, ticket.indexOf("."));
}
