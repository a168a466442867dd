window.addEventListener("load", () => {
  Redoc.init("/openapi.json", { hideDownloadButton: false, nativeScrollbars: true }, document.getElementById("redoc"));
});
