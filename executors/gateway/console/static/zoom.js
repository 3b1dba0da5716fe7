// The ad and the exemplar beside it, as large as the screen; a click shows a picture's own pixels.
/** Open the comparison for the case within an element. */
export function openZoom(within) {
  const dialog = document.getElementById("zoom");
  const ad = within.querySelector("[data-ad-picture]");
  const chosen = within.querySelector('input[name="exemplar"]:checked');
  const exemplar = chosen && within.querySelector(`.resembled[data-ex="${chosen.id.slice(3)}"] .picture img`);
  const figures = [ad, exemplar].filter(Boolean).map((image) => {
    const figure = document.createElement("figure");
    const large = document.createElement("img");
    figure.dataset.picture = "";
    large.src = image.dataset.large;
    large.alt = image.alt;
    large.addEventListener("click", () => figure.classList.toggle("whole"));
    figure.append(large);
    return figure;
  });
  if (!figures.length) return;
  dialog.querySelector("[data-zoomed]").replaceChildren(...figures);
  dialog.showModal();
}
