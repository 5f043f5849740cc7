import {
  AdmissionClientMetrics,
  createIndexEmbedder,
  type Embedder,
  type EmbeddingEvent,
  FleetAdmission,
  holderOf,
  type indexVariables,
  type modelVariables,
  type Service,
} from "@hindcast/shared/node";

/**
 * The embedder of an index process, each of whose requests is admitted for the fleet; null where the index embeds by
 * itself.
 * @throws HindcastError as `createIndexEmbedder` does
 */
export function admittedEmbedder(
  { config, bus, logger, registry, shutdown }: Service<typeof indexVariables & typeof modelVariables>,
  onAnswer: (event: EmbeddingEvent) => void,
): Embedder | null {
  const holder = holderOf(`index-${config.indexPartition}`);
  const admission = new FleetAdmission({ bus, holder, logger, metrics: new AdmissionClientMetrics(registry) });
  shutdown.defer("admission client", () => admission[Symbol.asyncDispose]());
  return createIndexEmbedder({ config, bus, logger, admission, onAnswer });
}
