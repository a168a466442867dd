"""Texts of wall screens and embedded panels: key → English, 繁體中文, español."""

from collections.abc import Mapping

Texts = Mapping[str, tuple[str, str, str]]

WORDS: Texts = {
    "wall.frozen": ("FROZEN", "畫面凍結", "CONGELADO"),
    "wall.newest": ("newest data {n}", "最新資料 {n}", "datos más recientes {n}"),
    "wall.offline": ("no connection since {n}", "自 {n} 起無連線", "sin conexión desde {n}"),
    "wall.embed.failed": ("The link could not be issued", "無法產生連結", "No se pudo crear el enlace"),
    "wall.withheld": ("This link does not show that panel", "此連結不顯示該面板", "Este enlace no muestra ese panel"),
    "wall.withheld.lead": ("Ask an administrator for another link.", "請向管理員索取其他連結。", "Pida otro enlace a un administrador."),
    "wall.script": (
        "Without JavaScript this page shows pictures, once a minute.",
        "未啟用 JavaScript，此頁每分鐘更新圖片。",
        "Sin JavaScript esta página muestra imágenes, una vez por minuto.",
    ),
    "wall.script.none": (
        "Without JavaScript this page has nothing to show. Logging in needs JavaScript, too.",
        "未啟用 JavaScript 時，此頁沒有可顯示的內容；登入也需要 JavaScript。",
        "Sin JavaScript esta página no muestra nada. Para entrar también hace falta.",
    ),
    "files.embed.link": ("Copy address for a frame", "複製嵌入用網址", "Copiar dirección para un marco"),
    "files.embed.code": ("Copy code for a web page", "複製網頁嵌入碼", "Copiar código para una página web"),
    "system.screen.build": ("Build", "版本", "Versión"),
    "system.screen.data": ("Data", "資料", "Datos"),
    "system.screen.load": ("Frames, memory", "影格、記憶體", "Cuadros, memoria"),
}
