<?php
// What PHP's own server asks for every request: files that styles and scripts name are sent as they are, all else is
// MediaWiki's.
$path = rawurldecode( parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) ?: '/' );
if ( preg_match( '~^/(resources|skins)/.*\.(css|gif|js|png|svg)$~', $path ) && is_file( __DIR__ . "/mediawiki$path" ) ) {
	return false;
}
$scripts = [ 'api', 'index', 'load', 'opensearch_desc', 'rest' ];
$script = preg_match( '~^/(\w+)\.php(/|$)~', $path, $found ) && in_array( $found[1], $scripts ) ? $found[1] : 'index';
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = "/$script.php";
$_SERVER['SCRIPT_FILENAME'] = __DIR__ . "/mediawiki/$script.php";
// MediaWiki answers and then does the rest, while its state may be put back. Here nothing is answered before all is done:
// of two buffers it ends the inner one, and the outer one is sent when the script has ended.
ob_start();
ob_start();
chdir( __DIR__ . '/mediawiki' );
require "$script.php";
