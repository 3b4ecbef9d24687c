// Unpacks the charts' script. Where a browser cannot, the page stays as it is: tables and SVG.
(async () => {
  if (!("DecompressionStream" in window)) return;
  const packed = atob(document.getElementById("bundle").textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.body.append(script);
})();
