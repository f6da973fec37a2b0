/** Lists a view's keys and what they do. */

export function KeysHelp({ keys }: { keys: readonly (readonly [string, string])[] }) {
  return (
    <details class="keys">
      <summary>Keys</summary>
      <dl>
        {keys.map(([names, action]) => (
          <div key={names}>
            <dt>{names}</dt>
            <dd>{action}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
