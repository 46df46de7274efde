/* What all scripts of a page share. Each is a plain script that adds its own to `ff`. */
const ff = {
  root: document.documentElement,
  all: (query, inside = document) => [...inside.querySelectorAll(query)],
  /* the bytes of a text in base64, as one typed array of the given kind */
  bytes: (text, Kind = Uint8Array) => {
    const signs = atob(text.trim());
    const bytes = new Uint8Array(signs.length);
    for (let at = 0; at < signs.length; at += 1) bytes[at] = signs.charCodeAt(at);
    return Kind === Uint8Array ? bytes : new Kind(bytes.buffer);
  },
  /* running sums of differences; where nothing was known NaN */
  summed: (steps, unit = 1) => {
    const values = new Float64Array(steps.length).fill(NaN);
    let whole = 0;
    steps.forEach((step, place) => { if (step !== null) values[place] = (whole += step) * unit; });
    return values;
  },
  /* the text of a <script type="application/gzip"> block */
  unzipped: (id) => {
    const packed = new Blob([ff.bytes(document.getElementById(id).textContent)]);
    return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).text();
  },
};
